//! The helper's side: does what it is asked for until nobody asks any more.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::path::PathBuf;

use aya::maps::{ArrayOfMaps, Map, MapData};

use super::super::abi::SOCKET_BYTES;
use super::super::pages::{OuterMaps, create, install, make_maps};
use super::super::pin;
use super::wire::{self, Request, Walk};

/// What it works on.
struct Work {
    pins: Option<PathBuf>,
    outer: OuterMaps,
    /// Links of the iterators, by number of the walk.
    walks: [Option<OwnedFd>; Walk::ALL.len()],
}

/// Serves the agent at the other end of standard input, with pins in `pins`, until that is gone. What this process
/// does not need for it is to be given up before.
///
/// # Errors
/// Where standard input is no such socket, or the agent says what none says.
pub fn serve(pins: Option<PathBuf>) -> io::Result<()> {
    ignore_signals();
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let mut work: Option<Work> = None;
    loop {
        let (bytes, descriptors) = wire::receive(&socket)?;
        if bytes.is_empty() {
            return Ok(());
        }
        let request = Request::of(&bytes).ok_or_else(|| io::Error::other("what is asked for makes no sense"))?;
        let answer = match (request, &mut work) {
            (Request::Begin { loaded }, _) => Work::of(pins.clone(), loaded, descriptors).map(|begun| {
                work = Some(begun);
                Vec::new()
            }),
            (request, Some(work)) => work.on(request),
            (_, None) => Err(io::Error::other("nothing was handed over")),
        };
        match answer {
            Ok(files) => {
                let files: Vec<BorrowedFd<'_>> = files.iter().map(AsFd::as_fd).collect();
                wire::send(&socket, wire::DONE, &files)?;
            }
            Err(error) => wire::send(&socket, error.to_string().as_bytes(), &[])?,
        }
    }
}

/// Whoever ends the agent may mean all that has to do with it; the agent's last read needs us.
fn ignore_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: no handler is installed, so nothing of ours runs in one.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

impl Work {
    fn of(pins: Option<PathBuf>, loaded: [bool; Walk::ALL.len()], descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let mut descriptors = descriptors.into_iter();
        let mut map = || -> io::Result<ArrayOfMaps<MapData>> {
            let descriptor = descriptors.next().ok_or_else(|| io::Error::other("a map is missing"))?;
            let map = MapData::from_fd(descriptor).map_err(io::Error::other)?;
            Map::ArrayOfMaps(map).try_into().map_err(io::Error::other)
        };
        let outer = OuterMaps { directory: map()?, counters: map()?, sockets: map()?, descriptors: Vec::new() };
        let mut walks = [None, None, None];
        for (walk, loaded) in walks.iter_mut().zip(loaded) {
            if loaded {
                let program = descriptors.next().ok_or_else(|| io::Error::other("a program is missing"))?;
                *walk = Some(link(&program)?);
            }
        }
        // Whoever reads it is taken for the agent, which sees by that who we are.
        if let Some(link) = &walks[Walk::Adopt as usize] {
            File::from(iterator(link)?).read_to_end(&mut Vec::new())?;
        }
        Ok(Self { pins, outer, walks })
    }

    fn on(&mut self, request: Request) -> io::Result<Vec<OwnedFd>> {
        match request {
            Request::Page { number, copies, stripes } => self.page(number, copies, stripes),
            Request::SocketPage { number } => {
                let page = create(b"tfo_sockets", SOCKET_BYTES)?;
                self.outer.sockets.set(number, &page, 0).map_err(io::Error::other)?;
                Ok(Vec::new())
            }
            Request::Walk(walk) => {
                let link = self.walks[walk as usize].as_ref();
                let link = link.ok_or_else(|| io::Error::other("its program is not loaded"))?;
                Ok(vec![iterator(link)?])
            }
            Request::Begin { .. } => Ok(Vec::new()),
        }
    }

    fn page(&mut self, number: u32, copies: u32, stripes: u32) -> io::Result<Vec<OwnedFd>> {
        let maps = make_maps(copies)?;
        if let Some(pins) = &self.pins {
            for (map, path) in maps.iter().zip(pin::page(pins, number)) {
                map.pin(&path).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
            }
        }
        install(&mut self.outer, number, stripes, &maps).map_err(io::Error::other)?;
        maps.iter().map(|map| map.fd().as_fd().try_clone_to_owned()).collect()
    }
}

const BPF_LINK_CREATE: libc::c_long = 28;
const BPF_ITER_CREATE: libc::c_long = 33;
const BPF_TRACE_ITER: u32 = 28;

/// Attaches an iterator, which costs nothing until it is read.
fn link(program: &OwnedFd) -> io::Result<OwnedFd> {
    bpf(BPF_LINK_CREATE, &[number(program), 0, BPF_TRACE_ITER, 0])
}

/// A walk that begins when it is read.
fn iterator(link: &OwnedFd) -> io::Result<OwnedFd> {
    bpf(BPF_ITER_CREATE, &[number(link), 0])
}

fn number(descriptor: &OwnedFd) -> u32 {
    descriptor.as_raw_fd().cast_unsigned()
}

/// One of the two calls, both of which make a descriptor.
fn bpf(command: libc::c_long, attributes: &[u32]) -> io::Result<OwnedFd> {
    // SAFETY: the attributes live for the call, which reads no more than their size.
    let made = unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_ptr(), size_of_val(attributes)) };
    let made = i32::try_from(made).ok().filter(|made| *made >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: just made by the kernel for us, and owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(made) })
}
