//! `tfo-agent unpin`: removes what an agent that was killed left in the kernel.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// Removes the pins in `directory`.
pub(crate) fn unpin(directory: &Path) -> ExitCode {
    let place = directory.display();
    match receiver_ebpf::unpin_abandoned(directory) {
        Ok(0) => say(&format!("nothing is pinned in {place}"), ExitCode::SUCCESS),
        Ok(removed) => {
            say(&format!("{removed} pinned maps, programs and links removed from {place}"), ExitCode::SUCCESS)
        }
        Err(error) => say(&format!("cannot unpin {place}: {error}"), ExitCode::FAILURE),
    }
}

fn say(text: &str, code: ExitCode) -> ExitCode {
    let _ = writeln!(io::stderr().lock(), "{text}");
    code
}
