//! What a process gives up once it needs it no more.
//!
//! Four steps, each of which holds for the calling thread and every thread that it starts from then on: to be
//! called on the main thread before there is another. `tfo-agent` does so when the kernel programs are loaded, and
//! so does its helper, which keeps what little growing maps takes.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod calls;
mod capabilities;
mod files;

use std::path::PathBuf;

pub use calls::Calls;

/// What is kept; everything else goes.
#[derive(Debug, Clone, Default)]
pub struct Keep {
    /// The capability to call bpf(2): `CAP_BPF`, before Linux 5.8 `CAP_SYS_ADMIN`.
    pub bpf: bool,
    /// Whether files may be read, all that their modes allow.
    pub read: bool,
    /// Directories in which files may be written, made and removed.
    pub write: Vec<PathBuf>,
    /// Directories in which empty directories may be removed.
    pub remove: Vec<PathBuf>,
    /// System calls.
    pub calls: Calls,
}

/// Why a step could not be taken, or not all of it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// Takes all four steps, each whatever came of those before; with their names, what each has left or why it was not
/// taken.
pub fn give_up(keep: &Keep) -> [(&'static str, Result<String, Refused>); 4] {
    // In this order: capabilities and Landlock are let go of by calls that the filter ends.
    let capabilities = capabilities(keep);
    [
        ("capabilities", capabilities),
        ("no_new_privs", no_new_privs()),
        ("landlock", files(keep)),
        ("seccomp", calls(keep.calls)),
    ]
}

/// Makes effective what is permitted. A file may carry capabilities so that they are permitted only, which lets it be
/// executed where nobody may have them.
///
/// # Errors
/// Where the kernel does not let it.
pub fn take_up() -> Result<(), Refused> {
    capabilities::take_up()
}

/// Empties all sets of capabilities, but for what is kept; the bounding set, where it may.
///
/// # Errors
/// Where the kernel does not let go of them.
pub fn capabilities(keep: &Keep) -> Result<String, Refused> {
    capabilities::drop_all_but(keep.bpf)
}

/// No program that is executed from here on has more rights than this one.
///
/// # Errors
/// On kernels without it.
pub fn no_new_privs() -> Result<String, Refused> {
    rustix::thread::set_no_new_privs(true).map_err(|error| Refused(format!("prctl: {error}")))?;
    Ok("no program that is executed gains rights".to_owned())
}

/// Leaves of the file system what is kept, by Landlock.
///
/// # Errors
/// On kernels without it.
pub fn files(keep: &Keep) -> Result<String, Refused> {
    files::restrict(keep)
}

/// Leaves of the system calls those that are kept, by seccomp: the others fail with EPERM.
///
/// # Errors
/// On kernels without it.
pub fn calls(keep: Calls) -> Result<String, Refused> {
    calls::filter(keep)
}
