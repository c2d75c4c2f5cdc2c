//! Stands for `rights` where there is no Linux: nothing is needed, so there is nothing to give up.

use std::path::PathBuf;
use std::process::ExitCode;

use component::Need;

pub(crate) fn take_up() {}

pub(crate) fn give_up(_needs: Vec<Need>) {}

pub(crate) fn help(_pins: Option<PathBuf>) -> ExitCode {
    ExitCode::FAILURE
}
