//! `tfo-agent start` and `validate`: from files to a running service.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use component::config::Fault;
use receiver_ebpf::Code;
use runtime::{
    Config, Environment as _, Failure, Loading, Logs, Phase, ProcessEnvironment, Reloading, SPANS, Service, Source,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing::trace_span;

use crate::cli;
use crate::components::COMPONENTS;
use crate::supervisor::Supervisor;
use crate::telemetry::Telemetry;
use crate::{guide, logs, reload, rights};

/// Taken when no `--config` is given and it exists.
const SYSTEM_CONFIG: &str = "/etc/tfo-agent/config.yaml";

/// Taken when there is nothing else.
const DEFAULT_PIPELINE: Source =
    Source::Text { name: "(built-in) pipelines/default.yaml", text: include_str!("../../../pipelines/default.yaml") };

/// Taken instead where the environment says something of the operations guide's form, which has the same sub-collectors.
const DEFAULT_GUIDE: Source = Source::Text { name: "(built-in) collectors: ebpf:", text: "collectors:\n  ebpf:\n" };

/// The configuration has faults, or the command line has: nothing was started.
const BAD_CONFIGURATION: u8 = 2;

/// Runs until it is told to stop.
pub(crate) fn start(options: &cli::Start) -> ExitCode {
    let config = match load(&options.sources) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let telemetry = Telemetry::new(config.telemetry());
    let set_level = logs::start(config.logs(), options.log_format, telemetry.tracer());
    for notice in config.notices() {
        tracing::warn!("{notice}");
    }
    match run(config, options, telemetry, &set_level) {
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

/// Prints what a configuration comes to, where it has no faults.
pub(crate) fn print_config(options: &cli::PrintConfig) -> ExitCode {
    let config = match load(&options.sources) {
        Ok(config) => config,
        Err(code) => return code,
    };
    print_lines(config.notices());
    match io::stdout().lock().write_all(config.print(&COMPONENTS).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        // Somebody closed the pipe, as `| head` does.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Reads and checks, and says what is wrong with it.
pub(crate) fn load(sources: &cli::Sources) -> Result<Config, ExitCode> {
    read(sources).map_err(|faults| {
        print_lines(&faults);
        ExitCode::from(BAD_CONFIGURATION)
    })
}

fn read(sources: &cli::Sources) -> Result<Config, Vec<Fault>> {
    let loading = Loading { environment: &ProcessEnvironment, translate: guide::translate };
    Config::load_with(&all_of(sources), &COMPONENTS, loading)
}

/// The sources in their order: what `--set` says lies over all files.
fn all_of(sources: &cli::Sources) -> Vec<Source> {
    let guided =
        || guide::VARIABLES.iter().any(|name| ProcessEnvironment.variable(name).is_some_and(|value| !value.is_empty()));
    let files = match &*sources.config {
        [] if PathBuf::from(SYSTEM_CONFIG).exists() => vec![Source::File(SYSTEM_CONFIG.into())],
        [] if guided() => vec![DEFAULT_GUIDE],
        [] => vec![DEFAULT_PIPELINE],
        files => files.to_vec(),
    };
    files.into_iter().chain(sources.set.iter().cloned()).collect()
}

fn run(
    config: Config,
    options: &cli::Start,
    mut telemetry: Telemetry,
    set_level: &logs::SetLevel,
) -> Result<(), Vec<String>> {
    let (files, watched) = watch::channel(reload::marks(config.files()));
    let one = |failure: Failure| vec![failure.to_string()];
    let starting = trace_span!(target: SPANS, parent: None, "start");
    let building = trace_span!(target: SPANS, parent: &starting, "build");
    let mut service: Service = building.in_scope(|| config.build()).map_err(|failures| texts(&failures))?;
    drop(building);
    // One thread is enough: a tick is milliseconds every few seconds, and nothing here blocks.
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let tokio = tokio.map_err(|error| vec![error.to_string()])?;
    // Before anything is attached or pinned: whoever ends the agent meanwhile ends it in order.
    let (signals, requests) = {
        let _inside = tokio.enter();
        let no_signals = |error| vec![format!("signals: {error}")];
        let hang_up = signal(SignalKind::hangup()).map_err(no_signals)?;
        (Signals::listen().map_err(no_signals)?, reload::requests(hang_up, options.watch_config.then_some(watched)))
    };
    // On this thread, before there is another one: what it gives up, all inherit.
    rights::take_up();
    let preparing = trace_span!(target: SPANS, parent: &starting, "prepare");
    preparing.in_scope(|| service.prepare()).map_err(one)?;
    drop(preparing);
    // Before files are out of reach, of which one says so.
    let code = Code::mapped();
    if !options.keep_rights {
        rights::give_up(service.give_up_rights());
    }
    service.starting = starting;
    let supervisor = Supervisor::of_environment();
    let told = supervisor.told();
    service.phases = Box::new(move |phase| {
        if phase == Phase::Running {
            code.release();
        }
        told(phase);
    });
    let taken = |logs: Logs, read: &[PathBuf]| {
        set_level(logs.level);
        files.send_replace(reload::marks(read));
    };
    let reloading = Reloading { requests, load: || read(&options.sources), taken };
    tokio.block_on(async {
        telemetry.start(&service.observe());
        supervisor.watch();
        let outcome = service.run_reloading(signals.stop(), reloading).await;
        telemetry.stop().await;
        outcome.map(drop).map_err(one)
    })
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
