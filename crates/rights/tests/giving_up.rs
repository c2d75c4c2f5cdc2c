//! What was given up is gone, in threads that are started later too.
//!
//! Each test gives up in a thread of its own, since all of it holds for threads, and looks in one that this starts.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of tests fails as a test does")]

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use rights::{Calls, Keep};
use rustix::net::netdevice::{index_to_name, name_to_index};

/// Runs `give_up`, then `look` in a worker thread.
fn after<T: Send + 'static>(give_up: impl FnOnce() + Send + 'static, look: impl FnOnce() -> T + Send + 'static) -> T {
    let main = thread::spawn(move || {
        give_up();
        thread::spawn(look).join()
    });
    main.join().unwrap().unwrap()
}

/// A line of the status of the thread that asks, such as `CapEff`.
fn status(key: &str) -> String {
    let text = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap();
    line.trim().to_owned()
}

/// Capabilities are there to be lost: these tests run as root.
fn assert_root() {
    assert_ne!(status("CapEff"), "0000000000000000", "needs root: TFO_AS_ROOT=1 scripts/cargo test -p rights");
}

#[test]
fn without_capabilities_a_file_cannot_be_given_away_and_none_is_left_in_any_set() {
    assert_root();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    File::create(&file).unwrap();
    chown(&file, Some(1), None).unwrap();
    chown(&file, Some(0), None).unwrap();
    let (refused, sets) = after(
        || assert!(rights::capabilities(&Keep::default()).unwrap().starts_with("none; the bounding set too")),
        move || (chown(&file, Some(1), None), ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(status)),
    );
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(sets, ["0000000000000000"; 5]);
}

#[test]
fn what_is_permitted_is_used_once_it_is_taken_up() {
    assert_root();
    let sets = after(
        || {
            let held = rustix::thread::capabilities(None).unwrap();
            let permitted =
                rustix::thread::CapabilitySets { effective: rustix::thread::CapabilitySet::empty(), ..held };
            rustix::thread::set_capabilities(None, permitted).unwrap();
            assert_eq!(status("CapEff"), "0000000000000000");
            rights::take_up().unwrap();
        },
        || ["CapEff", "CapPrm"].map(status),
    );
    assert_ne!(sets[0], "0000000000000000");
    assert_eq!(sets[0], sets[1]);
}

#[test]
fn cap_bpf_alone_is_left_where_it_is_kept() {
    assert_root();
    let keep = Keep { bpf: true, ..Keep::default() };
    let sets = after(
        move || assert!(rights::capabilities(&keep).unwrap().starts_with("BPF;")),
        || ["CapPrm", "CapEff", "CapAmb"].map(status),
    );
    assert_eq!(sets, ["0000008000000000", "0000008000000000", "0000000000000000"]);
}

#[test]
fn without_new_privileges_a_program_of_another_user_runs_as_who_calls_it() {
    assert_root();
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("cat");
    fs::copy("/bin/cat", &program).unwrap();
    chown(&program, Some(65534), None).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).unwrap();
    let uids = move || {
        let output = Command::new(&program).arg("/proc/self/status").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap().split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(uids.clone()(), "65534", "the program gains another user by itself");
    assert_eq!(after(|| drop(rights::no_new_privs().unwrap()), uids), "0");
}

#[test]
fn a_filter_of_calls_lets_no_program_start_and_is_there_in_every_thread() {
    let outcome = after(
        || drop(rights::calls(Calls::Service).unwrap()),
        || {
            let spawned = Command::new("/bin/true").spawn().map(drop);
            let user = rustix::thread::set_no_new_privs(true).map_err(std::io::Error::from);
            (status("Seccomp"), spawned, user)
        },
    );
    assert_eq!(outcome.0, "2");
    assert_eq!(outcome.1.unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(outcome.2.unwrap_err().kind(), ErrorKind::PermissionDenied);
}

#[test]
fn under_the_filter_files_sockets_names_and_threads_are_as_before() {
    after(
        || drop(rights::calls(Calls::Service).unwrap()),
        || {
            let directory = tempfile::tempdir().unwrap();
            let [one, two] = ["one", "two"].map(|name| directory.path().join(name));
            File::create(&one).unwrap().write_all(b"text").unwrap();
            fs::rename(&one, &two).unwrap();
            File::open(&two).unwrap().sync_all().unwrap();
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
            assert!(("localhost", 80).to_socket_addrs().unwrap().count() > 0);
            // Asks the network, as far as there is one.
            let _ = ("name.invalid", 80).to_socket_addrs();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut far, _) = listener.accept().unwrap();
            near.write_all(b"text").unwrap();
            let mut bytes = [0; 4];
            far.read_exact(&mut bytes).unwrap();
            thread::Builder::new().name("named".to_owned()).spawn(|| ()).unwrap().join().unwrap();
        },
    );
}

#[test]
fn under_the_filter_a_name_of_an_interface_has_a_number_and_no_number_has_a_name() {
    let index = |socket: &TcpListener| name_to_index(socket, "lo").unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let lo = index(&socket);
    assert_eq!(index_to_name(&socket, lo).unwrap(), "lo");
    let (scope, again, refused) = after(
        || drop(rights::calls(Calls::Service).unwrap()),
        move || {
            let address = ("fe80::1%lo", 80).to_socket_addrs().unwrap().next().unwrap();
            let SocketAddr::V6(address) = address else { panic!("{address}") };
            (address.scope_id(), index(&socket), index_to_name(&socket, lo))
        },
    );
    assert_eq!((scope, again), (lo, lo));
    assert_eq!(refused.unwrap_err(), rustix::io::Errno::PERM);
}

#[test]
fn by_landlock_files_are_written_where_that_is_kept_only_and_no_program_starts() {
    let [inside, outside] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let keep = Keep { read: true, write: vec![inside.path().to_owned()], ..Keep::default() };
    let paths: [PathBuf; 2] = [&inside, &outside].map(|directory| directory.path().join("file"));
    fs::write(&paths[1], "before").unwrap();
    let (refused, spawned) = after(
        move || {
            let left = rights::files(&keep).unwrap();
            assert!(left.starts_with("reading everywhere, writing in /"), "{left}");
        },
        move || {
            fs::write(&paths[0], "text").unwrap();
            fs::remove_file(&paths[0]).unwrap();
            assert_eq!(fs::read_to_string(&paths[1]).unwrap(), "before");
            let made = File::create(paths[1].with_extension("new")).map(drop);
            (
                [fs::write(&paths[1], "after"), fs::remove_file(&paths[1]), made],
                Command::new("/bin/true").spawn().map(drop),
            )
        },
    );
    for outcome in refused.into_iter().chain([spawned]) {
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::PermissionDenied);
    }
}

#[test]
fn what_may_not_read_reads_nothing() {
    let refused = after(|| drop(rights::files(&Keep::default()).unwrap()), || File::open("/etc/passwd").map(drop));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::PermissionDenied);
}
