//! Files that are damaged, disks that are full, and processes that are killed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use component::Storage;
use component::config::Faults;

use super::*;

const KEY: &str = "exporter/otlp_grpc/a b";

fn open(directory: &Path) -> Files {
    let files = Files::new(directory.to_owned());
    files.open(Duration::ZERO).unwrap();
    files
}

fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The one file that holds a value.
fn file(directory: &Path) -> PathBuf {
    let is_value = |name: &String| name.ends_with(".state");
    directory.join(names(directory).into_iter().find(is_value).unwrap())
}

#[test]
fn what_was_saved_last_is_there_for_the_next_agent_and_keys_do_not_meet() {
    let directory = tempfile::tempdir().unwrap();
    let files = open(directory.path());
    assert_eq!(files.load(KEY), Ok(None));
    for (key, value) in [(KEY, "one"), ("exporter/otlp_grpc/a_b", "other"), (KEY, "two"), ("../x", "up"), ("", "")] {
        files.save(key, value.as_bytes()).unwrap();
    }
    files.close();
    let files = open(directory.path());
    for (key, value) in [(KEY, "two"), ("exporter/otlp_grpc/a_b", "other"), ("../x", "up"), ("", "")] {
        assert_eq!(files.load(key), Ok(Some(value.as_bytes().to_vec())), "{key}");
    }
    assert_eq!(names(directory.path()).len(), 5, "{:?}", names(directory.path()));
}

#[test]
fn a_directory_is_one_agent_s_and_the_other_one_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let files = open(directory.path());
    let other = Files::new(directory.path().to_owned());
    let reason = other.open(Duration::from_millis(30)).unwrap_err();
    assert!(reason.contains("another agent has"), "{reason}");
    files.close();
    other.open(Duration::ZERO).unwrap();
}

#[test]
fn every_flipped_bit_every_shorter_and_every_longer_file_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let files = open(directory.path());
    files.save(KEY, b"the state of a backend").unwrap();
    let path = file(directory.path());
    let whole = fs::read(&path).unwrap();
    let flipped = (0..whole.len() * 8).map(|bit| {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    let shorter = (0..whole.len()).map(|length| whole[..length].to_vec());
    let longer = [[&*whole, b"x"].concat(), whole.repeat(2)];
    for damaged in flipped.chain(shorter).chain(longer) {
        fs::write(&path, &damaged).unwrap();
        assert_eq!(files.load(KEY), Ok(None), "{damaged:?}");
        let aside = names(directory.path()).into_iter().rfind(|name| name.contains(".corrupt-")).unwrap();
        assert_eq!(fs::read(directory.path().join(aside)).unwrap(), damaged);
        assert!(!path.exists());
    }
    assert_eq!(names(directory.path()).len(), 4, "the lock and the last three");
    files.save(KEY, b"again").unwrap();
    assert_eq!(files.load(KEY), Ok(Some(b"again".to_vec())));
}

#[test]
fn a_killed_writer_leaves_a_whole_value_each_time() {
    if let Some(directory) = std::env::var_os("TFO_WRITE_TO") {
        write_without_end(&open(Path::new(&directory)));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..20_u64 {
        let mut writer = again("tests::a_killed_writer_leaves_a_whole_value_each_time");
        let mut writer = writer.env("TFO_WRITE_TO", directory.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = std::io::BufReader::new(writer.stdout.take().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap().contains("saved")).unwrap().unwrap();
        std::thread::sleep(Duration::from_micros(round * 700));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let value = open(directory.path()).load(KEY).unwrap().expect("nothing there, or damaged");
        let number = u64::from_le_bytes(value[..8].try_into().unwrap());
        assert!(number > last && value.chunks(8).all(|chunk| chunk == &value[..8]), "{number} after {last}");
        last = number;
    }
    assert!(!names(directory.path()).iter().any(|name| name.contains("corrupt")));
}

/// Values of some size, each of one rising number again and again.
fn write_without_end(files: &Files) -> ! {
    let first = files.load(KEY).unwrap().map_or(0, |value| u64::from_le_bytes(value[..8].try_into().unwrap()));
    for number in first + 1.. {
        let size = usize::try_from(number * 7919 % 20_000 + 1).unwrap();
        files.save(KEY, &number.to_le_bytes().repeat(size)).unwrap();
        writeln!(std::io::stdout(), "saved").unwrap();
    }
    unreachable!()
}

/// In a mount namespace of its own, on a file system of 64 KiB.
#[test]
fn on_a_full_disk_saving_fails_and_what_was_there_stays() {
    let Some(directory) = std::env::var_os("TFO_FULL_DISK") else {
        let directory = tempfile::tempdir().unwrap();
        let script = r#"mount -t tmpfs -o size=64k none "$TFO_FULL_DISK" && exec "$@""#;
        let inner = again("tests::on_a_full_disk_saving_fails_and_what_was_there_stays");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-ec", script, "sh"]).arg(inner.get_program()).args(inner.get_args());
        let output = command.env("TFO_FULL_DISK", directory.path()).output().unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success() && text.contains("1 passed"), "needs root: {text}");
        return;
    };
    let directory = Path::new(&directory);
    let files = open(directory);
    files.save(KEY, b"small").unwrap();
    for _ in 0..3 {
        let reason = files.save(KEY, &vec![7; 1 << 20]).unwrap_err();
        assert!(reason.contains("No space left on device"), "{reason}");
        assert_eq!(files.load(KEY), Ok(Some(b"small".to_vec())));
        assert_eq!(names(directory).len(), 2, "no part of it is left");
    }
    files.save(KEY, b"fits").unwrap();
    assert_eq!(files.load(KEY), Ok(Some(b"fits".to_vec())));
}

/// This test program, for one test alone.
fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command
}

#[test]
fn a_directory_that_cannot_be_is_told_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let taken = directory.path().join("file");
    fs::write(&taken, "").unwrap();
    let config = Config { directory: taken.join("below"), timeout: Duration::ZERO };
    let reason = FileStorage::new(&config).prepare().unwrap_err();
    assert!(reason.starts_with("cannot make directory") && reason.contains("set another"), "{reason}");
}

#[test]
fn keys_are_contrib_s() {
    let config = Section::read_node(None, &mut Faults::default(), Config::read);
    assert_eq!(config.timeout, Duration::from_secs(1));
    let keys: Vec<String> = Section::describe(Config::read).into_iter().map(|key| key.path).collect();
    assert_eq!(keys, ["directory", "timeout"]);
}
