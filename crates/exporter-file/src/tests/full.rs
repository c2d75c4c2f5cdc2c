//! A file system that is really full: 64 KiB of memory, in a mount namespace of its own.

use std::process::Command;

use super::*;

/// Where the small file system is, in the process that has it.
const DIRECTORY: &str = "TFO_TEST_FULL";

#[test]
fn a_full_disk_has_whole_batches_only_and_takes_the_next_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=64k tfo \"$TFO_TEST_FULL\" && exec \"$0\" --ignored --exact --nocapture tests::full::on_it";
    let done = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(DIRECTORY, directory.path())
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.contains("1 passed"), "needs root and unshare: {said}");
}

#[tokio::test]
#[ignore = "started by the test above, where the disk is small"]
async fn on_it() {
    let directory = std::env::var(DIRECTORY).unwrap();
    let directory = Path::new(&directory);
    let (path, filler) = (directory.join("points.json"), directory.join("filler"));
    for rotation in [None, Some(Rotation { max_bytes: 8_000, max_age: Duration::ZERO, max_backups: 0 })] {
        fs::write(&filler, vec![0; 40_000]).unwrap();
        let config = Config { rotation, ..config(&path) };
        let mut exporter = started(&config).await;
        let (mut taken, mut refused) = (Vec::new(), 0);
        for value in 0..60 {
            match exporter.export(batch(value, 500)).await {
                Ok(_) => taken.push(value),
                Err(ExportError::Retryable { reason, .. }) => {
                    assert!(reason.contains("No space left") && reason.contains("make room"), "{reason}");
                    refused += 1;
                }
                Err(ExportError::Permanent(reason)) => panic!("{reason}"),
            }
            if value == 50 {
                assert!(refused > 3, "the disk is not full");
                fs::remove_file(&filler).unwrap();
            }
        }
        assert_eq!(taken[taken.len() - 9..], (51..60).collect::<Vec<_>>(), "there was room again");
        let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort_by_key(|file| (*file == path, file.clone()));
        let kept: Vec<u64> = files.iter().flat_map(|file| values(file)).collect();
        assert_eq!(kept, taken, "whole batches, those that were taken and no other");
        files.iter().for_each(|file| fs::remove_file(file).unwrap());
    }
}
