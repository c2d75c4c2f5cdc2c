//! `tfo-agent doctor`: looks at the machine as the agent does, tries every sub-collector for real, and says what is wrong
//! and what mends it.
//!
//! `host` asks what the agent needs, `sub_collectors` loads and counts in a session of its own, `configuration`
//! looks at the ports and far sides of a configuration; `view` draws what they found.

mod configuration;
mod guide;
mod host;
mod report;
mod sub_collectors;
mod view;

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use runtime::Config;

use crate::{cli, rights, start};
use report::{Check, Report, Section};
use view::Style;

/// Looks, and prints what was found.
pub(crate) fn doctor(options: &cli::Doctor) -> ExitCode {
    // As the agent does when it starts.
    rights::take_up();
    let config = match read(options) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let report = Report(examine(config.as_ref()));
    let text = if options.json { report.json() } else { view::draw(&report, style()) };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) if report.works() => ExitCode::SUCCESS,
        // Or somebody closed the pipe, as `| head` does.
        _ => ExitCode::FAILURE,
    }
}

/// The configuration that is to be looked at too, if one is.
fn read(options: &cli::Doctor) -> Result<Option<Config>, ExitCode> {
    let cli::Doctor { config, set, .. } = options;
    if config.is_empty() && set.is_empty() {
        return Ok(None);
    }
    let sources = cli::Sources { config: config.clone(), set: set.clone(), feature_gates: Vec::new() };
    start::load(&sources).map(Some)
}

fn examine(config: Option<&Config>) -> Vec<Section> {
    let mut sections = of_machine(config);
    if let Some(config) = config {
        sections.push(Section { title: "Configuration", checks: configuration::checks(config) });
    }
    sections
}

fn of_machine(config: Option<&Config>) -> Vec<Section> {
    if !receiver_ebpf::HAS_KERNEL {
        return vec![Section { title: "Host", checks: vec![elsewhere()] }];
    }
    let wanted = configuration::Wanted::of(config);
    // First, since what the kernel let us load says what of the rest matters.
    let tried = sub_collectors::Tried::run(&wanted);
    let host = host::checks(&wanted, tried.tier);
    vec![Section { title: "Host", checks: host }, Section { title: "Sub-collectors", checks: tried.checks }]
}

/// What there is to say where there is no Linux.
fn elsewhere() -> Check {
    Check::note("system", receiver_ebpf::Trouble::new(receiver_ebpf::NOT_LINUX, "")).answers(guide::Entry::NotLinux)
}

/// Colors and a limit of width where a person looks at it.
fn style() -> Style {
    let person = io::stdout().is_terminal();
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let plain = variable("NO_COLOR").is_some() || variable("TERM").is_some_and(|term| term == "dumb");
    let columns = variable("COLUMNS").and_then(|columns| columns.parse().ok()).unwrap_or(110);
    Style { color: person && !plain, width: person.then_some(columns) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_on_linux_it_says_so_in_the_guide_s_words_and_nothing_is_wrong() {
        let report = Report(vec![Section { title: "Host", checks: vec![elsewhere()] }]);
        assert!(report.works());
        let json = report.json();
        assert!(json.contains("eBPF collector: not running on Linux, metrics will be empty"), "{json}");
        assert!(json.contains("\"guide\": \"No metrics on non-Linux\""), "{json}");
    }
}
