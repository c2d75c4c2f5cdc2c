//! `tfo-agent start` and `validate`: from files to a running service.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use component::config::Fault;
use runtime::{Config, Failure, Reloading, Service, Source};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli;
use crate::components::COMPONENTS;
use crate::{logs, reload};

/// Taken when no `--config` is given and it exists.
const SYSTEM_CONFIG: &str = "/etc/tfo-agent/config.yaml";

/// Taken when there is nothing else.
const DEFAULT_PIPELINE: Source =
    Source::Text { name: "(built-in) pipelines/default.yaml", text: include_str!("../../../pipelines/default.yaml") };

/// The configuration has faults, or the command line has: nothing was started.
const BAD_CONFIGURATION: u8 = 2;

/// Runs until it is told to stop.
pub(crate) fn start(options: &cli::Start) -> ExitCode {
    let config = match load(&options.sources) {
        Ok(config) => config,
        Err(code) => return code,
    };
    logs::start(config.logs(), options.log_format);
    for notice in config.notices() {
        tracing::warn!("{notice}");
    }
    match run(config, options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reasons) => {
            for reason in reasons {
                tracing::error!("cannot start: {reason}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Reads, checks and builds, and says what is wrong with it.
pub(crate) fn validate(options: &cli::Validate) -> ExitCode {
    let config = match load(&options.sources) {
        Ok(config) => config,
        Err(code) => return code,
    };
    print_lines(config.notices());
    match config.build() {
        Ok(_) => ExitCode::SUCCESS,
        Err(failures) => {
            print_lines(&failures);
            ExitCode::from(BAD_CONFIGURATION)
        }
    }
}

fn load(sources: &cli::Sources) -> Result<Config, ExitCode> {
    read(sources).map_err(|faults| {
        print_lines(&faults);
        ExitCode::from(BAD_CONFIGURATION)
    })
}

fn read(sources: &cli::Sources) -> Result<Config, Vec<Fault>> {
    Config::load(&all_of(sources), &COMPONENTS)
}

/// The sources in their order.
fn all_of(sources: &cli::Sources) -> Vec<Source> {
    match &*sources.config {
        [] if PathBuf::from(SYSTEM_CONFIG).exists() => vec![Source::File(SYSTEM_CONFIG.into())],
        [] => vec![DEFAULT_PIPELINE],
        files => files.iter().cloned().map(Source::File).collect(),
    }
}

/// The files among the sources.
fn files_of(sources: &cli::Sources) -> Vec<PathBuf> {
    let file = |source| match source {
        Source::File(path) => Some(path),
        Source::Text { .. } => None,
    };
    all_of(sources).into_iter().filter_map(file).collect()
}

fn run(config: Config, options: &cli::Start) -> Result<(), Vec<String>> {
    let one = |failure: Failure| vec![failure.to_string()];
    let mut service: Service = config.build().map_err(|failures| texts(&failures))?;
    // One thread is enough: a tick is milliseconds every few seconds, and nothing here blocks.
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tokio = tokio.map_err(|error| vec![error.to_string()])?;
    // Before anything is attached or pinned: whoever ends the agent meanwhile ends it in order.
    let (signals, requests) = {
        let _inside = tokio.enter();
        let no_signals = |error| vec![format!("signals: {error}")];
        let hang_up = signal(SignalKind::hangup()).map_err(no_signals)?;
        let watched = if options.watch_config { files_of(&options.sources) } else { Vec::new() };
        (Signals::listen().map_err(no_signals)?, reload::requests(hang_up, watched))
    };
    // On this thread, before there is another one: what it gives up, all inherit.
    service.prepare().map_err(one)?;
    let reloading = Reloading { requests, load: || read(&options.sources) };
    tokio.block_on(service.run_reloading(signals.stop(), reloading)).map(drop).map_err(one)
}

/// The signals that end the agent.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Returns at the first request to stop; a second one ends the process at once.
    async fn stop(mut self) {
        self.next().await;
        tokio::spawn(async move {
            self.next().await;
            tracing::warn!("asked to stop twice, leaving at once");
            std::process::exit(1);
        });
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn texts(items: &[impl Display]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

/// One line each to stderr, as compilers do; logging has not begun.
fn print_lines(items: &[impl Display]) {
    let mut stderr = io::stderr().lock();
    for item in items {
        // There is nowhere left to complain to.
        let _ = writeln!(stderr, "{item}");
    }
}
