//! What the agent, and its helper, give up when the kernel programs are loaded: all but what they need from then on.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use component::Need;
use rights::{Calls, Keep};

/// Uses what the file permits, as that in an image does, which an engine gives a user who is not root nothing else by.
pub(crate) fn take_up() {
    if let Err(error) = rights::take_up() {
        tracing::debug!(%error, "capabilities that are permitted cannot be used");
    }
}

/// Gives up all rights but what `needs` says; to be called on the main thread, before there is another.
pub(crate) fn give_up(needs: Vec<Need>) {
    let mut keep = Keep { read: true, ..Keep::default() };
    for need in needs {
        match need {
            Need::Write(directory) => keep.write.push(directory),
            Need::Remove(directory) => keep.remove.push(directory),
            Need::Bpf => (keep.bpf, keep.calls) = (true, Calls::ServiceWithBpf),
        }
    }
    for (step, outcome) in rights::give_up(&keep) {
        match outcome {
            Ok(left) => tracing::info!(step, left, "rights given up"),
            Err(error) => tracing::warn!(step, %error, "rights not given up, going on with them"),
        }
    }
}

/// The helper: makes maps for the agent at the other end of standard input, and can do nothing else.
pub(crate) fn help(pins: Option<PathBuf>) -> ExitCode {
    take_up();
    let keep = Keep { bpf: true, write: pins.iter().cloned().collect(), calls: Calls::Bpf, ..Keep::default() };
    // The agent says what this kernel does not have.
    let _ = rights::give_up(&keep);
    match receiver_ebpf::serve_helper(pins) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr().lock(), "{}: {error}", receiver_ebpf::HELPER_COMMAND);
            ExitCode::FAILURE
        }
    }
}
