//! A process of our own that keeps CAP_BPF, so that the agent need not.
//!
//! Maps grow while the programs run, and some figures take a walk by an iterator. Both are bpf(2), which the agent
//! gives up: the helper does them, at requests of four numbers each, and passes descriptors back. It is the same
//! binary, started before rights are given up; it ends when its socket does.

mod serve;
#[cfg(test)]
mod tests;
mod wire;

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::abi::Control;
use super::load::Kernel;
pub use serve::serve;
use wire::{Request, Walk};

/// The command of the binary that [`serve`]s.
pub const HELPER_COMMAND: &str = "hold-maps";

/// What an answer may take, on a machine that is far too busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// The running helper.
pub(super) struct Helper {
    socket: Option<OwnedFd>,
    child: Child,
    /// Walks that it can make.
    walks: Vec<&'static str>,
    /// Its own number, as the initial PID namespace counts.
    tgid: u64,
    /// Answers still to come, to requests that were given up.
    owed: Cell<u32>,
}

impl Helper {
    fn start(kernel: &mut Kernel) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        set_socket_timeout(&ours, Timeout::Recv, Some(PATIENCE))?;
        // Another binary may stand at our path since an update.
        let program = std::env::current_exe().ok().filter(|path| path.exists()).unwrap_or("/proc/self/exe".into());
        let mut command = Command::new(program);
        command.arg(HELPER_COMMAND).env_clear().stdin(Stdio::from(theirs)).stdout(Stdio::null());
        if let Some(pins) = &kernel.pins {
            command.arg(pins.maps());
        }
        let mut helper =
            Self { child: command.spawn()?, socket: Some(ours), walks: Vec::new(), tgid: 0, owed: Cell::new(0) };
        drop(command);
        helper.hand_over(kernel)?;
        Ok(helper)
    }

    /// Gives it what it works on: the outer maps, and the programs of walks.
    fn hand_over(&mut self, kernel: &mut Kernel) -> io::Result<()> {
        let mut descriptors = Vec::new();
        if let Some(outer) = &kernel.outer {
            for map in &outer.descriptors {
                descriptors.push(map.try_clone()?);
            }
        }
        let mut loaded = [false; Walk::ALL.len()];
        for (loaded, (_, name)) in loaded.iter_mut().zip(Walk::ALL) {
            let Ok(program) = kernel.iterator(name) else { continue };
            let Ok(program) = program.fd() else { continue };
            descriptors.push(program.as_fd().try_clone_to_owned()?);
            self.walks.push(name);
            *loaded = true;
        }
        let descriptors: Vec<BorrowedFd<'_>> = descriptors.iter().map(|one| one.as_fd()).collect();
        let agent = kernel.control.at(0, offset_of!(Control, agent));
        let us = agent.load(Ordering::Acquire);
        self.ask(&Request::Begin { loaded }, &descriptors)?;
        self.tgid = agent.swap(us, Ordering::AcqRel);
        Ok(())
    }

    /// Maps of a new page, which are pinned and where the programs find them; the directory, then the counters.
    pub(super) fn page(&self, number: u32, copies: u32, stripes: u32) -> io::Result<Vec<OwnedFd>> {
        self.ask(&Request::Page { number, copies, stripes }, &[])
    }

    /// Adds a page to the table of sockets.
    pub(super) fn socket_page(&self, number: u32) -> io::Result<()> {
        self.ask(&Request::SocketPage { number }, &[]).map(drop)
    }

    /// What the iterator `name` writes when it is read; `None` where that is nothing for the helper.
    pub(super) fn walk(&self, name: &str) -> Option<io::Result<File>> {
        let (walk, _) = Walk::ALL.iter().find(|(_, known)| *known == name && self.walks.contains(known))?;
        let answer = self.ask(&Request::Walk(*walk), &[]);
        Some(answer.and_then(|mut files| files.pop().map(File::from).ok_or_else(|| io::Error::other("no file came"))))
    }

    fn ask(&self, request: &Request, descriptors: &[BorrowedFd<'_>]) -> io::Result<Vec<OwnedFd>> {
        let Some(socket) = &self.socket else { return Err(io::Error::other("it has ended")) };
        wire::send(socket, &request.bytes(), descriptors)?;
        let (text, descriptors) = loop {
            let answer = wire::receive(socket).inspect_err(|_| self.owed.set(self.owed.get() + 1))?;
            match self.owed.get() {
                owed @ 1.. if !answer.0.is_empty() => self.owed.set(owed - 1),
                _ => break answer,
            }
        };
        match &*text {
            wire::DONE => Ok(descriptors),
            [] => Err(io::Error::other("it has ended")),
            reason => Err(io::Error::other(String::from_utf8_lossy(reason).into_owned())),
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // At the end of which it ends too.
        self.socket = None;
        let _ = self.child.wait();
    }
}

impl Kernel {
    /// The numbers of our own processes, as the initial PID namespace counts.
    pub(crate) fn agents(&self) -> [u64; 2] {
        let agent = self.control.at(0, offset_of!(Control, agent)).load(Ordering::Acquire);
        [agent, self.helper.as_ref().map_or(agent, |helper| helper.tgid)]
    }

    /// Makes bpf(2) another process's, where this one needs it at all; whether it does not from here on.
    pub(crate) fn hand_over(&mut self) -> bool {
        if self.mirror.is_some() {
            tracing::info!("ebpf: without BTF every read takes bpf(2), for which the rights are kept");
            return false;
        }
        match Helper::start(self) {
            Ok(helper) => {
                tracing::info!(pid = helper.child.id(), "ebpf: a process of its own makes maps from here on");
                self.helper = Some(helper);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "ebpf: no process of its own can be had to make maps, keeping the rights for it");
                false
            }
        }
    }
}
