//! What the agent and its helper say to each other: a message each way, with descriptors.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

/// The answer to what could be done; any other is a text that says why not.
pub(super) const DONE: &[u8] = b"done";

/// A page has a directory and at most sixteen copies of its counters.
const MOST_DESCRIPTORS: usize = 17;

/// Longest text.
const MOST_BYTES: usize = 1024;

/// What the helper is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// The first: three outer maps come with it, then the programs of those walks that are loaded.
    Begin {
        loaded: [bool; Walk::ALL.len()],
    },
    Page {
        number: u32,
        copies: u32,
        stripes: u32,
    },
    SocketPage {
        number: u32,
    },
    Walk(Walk),
}

/// An iterator that is read while the agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    Running,
    Connections,
    Adopt,
}

impl Walk {
    /// With their programs, by their numbers.
    pub(super) const ALL: [(Self, &'static str); 3] =
        [(Self::Running, "tfo_running"), (Self::Connections, "tfo_connections"), (Self::Adopt, "tfo_adopt")];
}

impl Request {
    pub(super) fn bytes(self) -> Vec<u8> {
        let words = match self {
            Self::Begin { loaded: [running, connections, adopt] } => {
                [0, running.into(), connections.into(), adopt.into()]
            }
            Self::Page { number, copies, stripes } => [1, number, copies, stripes],
            Self::SocketPage { number } => [2, number, 0, 0],
            Self::Walk(walk) => [3, walk as u32, 0, 0],
        };
        words.into_iter().flat_map(u32::to_ne_bytes).collect()
    }

    /// `None` for what no agent sends.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let words: Vec<u32> = bytes.as_chunks().0.iter().map(|word| u32::from_ne_bytes(*word)).collect();
        let [kind, first, second, third] = words.try_into().ok()?;
        match kind {
            0 => Some(Self::Begin { loaded: [first != 0, second != 0, third != 0] }),
            1 => Some(Self::Page { number: first, copies: second, stripes: third }),
            2 => Some(Self::SocketPage { number: first }),
            3 => Walk::ALL.get(first as usize).map(|(walk, _)| Self::Walk(*walk)),
            _ => None,
        }
    }
}

pub(super) fn send(socket: &OwnedFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors"));
    }
    let bytes = &bytes[..bytes.len().min(MOST_BYTES)];
    sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// No bytes where the other side has gone.
pub(super) fn receive(socket: &OwnedFd) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = vec![0; MOST_BYTES];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = retry_on_intr(|| recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags))?.bytes;
    bytes.truncate(received);
    let descriptors = control.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
        _ => Vec::new(),
    });
    Ok((bytes, descriptors.collect()))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    #[test]
    fn requests_come_as_they_were_sent_with_their_descriptors() {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let requests = [
            Request::Begin { loaded: [true, false, true] },
            Request::Page { number: 1, copies: 2, stripes: 16 },
            Request::SocketPage { number: 7 },
            Request::Walk(Walk::Running),
            Request::Walk(Walk::Connections),
        ];
        for (number, request) in requests.into_iter().enumerate() {
            send(&one, &request.bytes(), &vec![one.as_fd(); number * 4]).unwrap();
            let (bytes, descriptors) = receive(&other).unwrap();
            assert_eq!((Request::of(&bytes), descriptors.len()), (Some(request), number * 4));
        }
        drop(one);
        assert_eq!(receive(&other).unwrap().0, []);
    }

    #[test]
    fn other_bytes_are_no_request() {
        for bytes in [&[][..], b"done", &[9; 16], &[0; 20], &Request::Walk(Walk::Running).bytes()[..15]] {
            assert_eq!(Request::of(bytes), None, "{bytes:?}");
        }
    }
}
