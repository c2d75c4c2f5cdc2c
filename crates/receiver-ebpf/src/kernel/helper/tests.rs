//! Answers of a helper that is slow; the test is the helper.

use super::*;

/// A helper whose patience is short, and its end of the socket.
fn slow() -> (Helper, OwnedFd) {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    set_socket_timeout(&ours, Timeout::Recv, Some(Duration::from_millis(20))).unwrap();
    let child = Command::new("true").spawn().unwrap();
    let walks = Walk::ALL.iter().map(|(_, name)| *name).collect();
    (Helper { socket: Some(ours), child, walks, tgid: 0, owed: Cell::new(0) }, theirs)
}

#[test]
fn an_answer_that_comes_when_its_caller_has_given_up_is_nobody_s() {
    let (helper, theirs) = slow();
    // Nobody answers, so both give up.
    helper.page(1, 2, 2).unwrap_err();
    helper.socket_page(1).unwrap_err();
    let file = File::open("/dev/null").unwrap();
    wire::send(&theirs, wire::DONE, &[file.as_fd(); 3]).unwrap();
    wire::send(&theirs, b"no room", &[]).unwrap();
    // The third gets the third answer, and those after it their own.
    wire::send(&theirs, wire::DONE, &[file.as_fd(); 2]).unwrap();
    assert_eq!(helper.page(2, 1, 1).unwrap().len(), 2);
    wire::send(&theirs, b"no more", &[]).unwrap();
    assert_eq!(helper.socket_page(2).unwrap_err().to_string(), "no more");
    wire::send(&theirs, wire::DONE, &[file.as_fd()]).unwrap();
    helper.walk("tfo_running").unwrap().unwrap();
}
