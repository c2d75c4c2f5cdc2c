//! `tfo-agent completions` and `manual`: what packages ship, made of the command line's own definition.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;

const NAME: &str = "tfo-agent";

/// What the first page has beyond the command line.
const MORE: &str = include_str!("manual.roff");

/// Prints what has `shell` complete our command line.
pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), NAME, &mut script);
    match io::stdout().lock().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        // Somebody closed the pipe, as `| head` does.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Writes a page for the agent and one for each of its commands into `directory`.
pub(crate) fn write(directory: &Path) -> ExitCode {
    match write_pages(directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "manual: {}: {error}", directory.display());
            ExitCode::FAILURE
        }
    }
}

fn write_pages(directory: &Path) -> io::Result<()> {
    clap_mangen::generate_to(Cli::command(), directory)?;
    let page = directory.join(format!("{NAME}.1"));
    let mut text = std::fs::read_to_string(&page)?;
    text.push_str(MORE);
    std::fs::write(page, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_shown_has_a_page_and_is_completed() {
        let directory = tempfile::tempdir().unwrap();
        write_pages(directory.path()).unwrap();
        let mut script = Vec::new();
        clap_complete::generate(Shell::Bash, &mut Cli::command(), NAME, &mut script);
        let script = String::from_utf8(script).unwrap();
        let command = Cli::command();
        let shown: Vec<_> = command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
        assert!(shown.len() > 4);
        for command in shown {
            let page = directory.path().join(format!("{NAME}-{}.1", command.get_name()));
            let page = std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
            assert!(page.contains(".SH SYNOPSIS"), "{page}");
            assert!(script.contains(command.get_name()), "{}", command.get_name());
        }
        let first = std::fs::read_to_string(directory.path().join("tfo-agent.1")).unwrap();
        for section in ["SYNOPSIS", "SUBCOMMANDS", "FILES", "SIGNALS", "\"EXIT STATUS\""] {
            assert!(first.contains(&format!(".SH {section}")), "{section}: {first}");
        }
    }
}
