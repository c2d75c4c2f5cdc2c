//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use runtime::Source;

/// Measures a Linux host from inside the kernel and carries it through a declared pipeline.
#[derive(Debug, Parser)]
#[command(name = "tfo-agent", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the pipelines until SIGTERM or SIGINT.
    Start(Start),
    /// Check a configuration, all of it, without starting anything.
    Validate(Validate),
    /// Print the configuration as it is after all files, references and --set, and where each value came from.
    #[command(alias = "print-initial-config")]
    PrintConfig(PrintConfig),
    /// List every component with its configuration keys, as YAML.
    Components(Components),
    /// Show which process does what, live.
    Top(crate::top::Options),
    /// Look at this machine as the agent does, try every sub-collector for real, and say what is wrong and what mends it.
    Doctor(Doctor),
    /// The agent's own helper; nobody else calls it.
    #[command(name = receiver_ebpf::HELPER_COMMAND, hide = true)]
    Helper {
        /// Where maps are pinned.
        pins: Option<PathBuf>,
    },
    /// Remove what an agent that is gone left pinned in the kernel.
    Unpin {
        /// The directory given as extensions::ebpf::pin_path.
        #[arg(long, default_value = receiver_ebpf::DEFAULT_PIN_PATH, value_name = "DIRECTORY")]
        pin_path: PathBuf,
    },
    /// Print what has a shell complete this command line.
    Completions { shell: clap_complete::Shell },
    /// Write the manual pages, for those who make packages.
    #[command(hide = true)]
    Manual { directory: PathBuf },
}

#[derive(Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// How log lines look; by default as service::telemetry::logs::encoding says.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Read the configuration anew when one of its files changes, as SIGHUP has it read.
    #[arg(long)]
    pub(crate) watch_config: bool,
    /// Keep capabilities and go without seccomp and Landlock, to see whether one of them is in the way.
    #[arg(long)]
    pub(crate) keep_rights: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) sources: Sources,
}

#[derive(Debug, Args)]
pub(crate) struct PrintConfig {
    #[command(flatten)]
    pub(crate) sources: Sources,
}

#[derive(Debug, Args)]
pub(crate) struct Components {
    /// Print the JSON Schema of a configuration instead, by which editors complete and check it.
    #[arg(long)]
    pub(crate) schema: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 0 where all works, 1 where something does not, 2 on a fault of the command line or configuration."
)]
pub(crate) struct Doctor {
    /// Configuration whose ports, far sides and pin path are to be looked at too; as of start.
    #[arg(long, value_name = "FILE", value_parser = Source::from_argument)]
    pub(crate) config: Vec<Source>,
    /// A value over all files, as of start.
    #[arg(long, value_name = "KEY=VALUE", value_parser = Source::from_set)]
    pub(crate) set: Vec<Source>,
    /// Print what was found as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// Configuration file, or file:PATH, env:VARIABLE or yaml:TEXT; given several times, a later one lies over the
    /// earlier ones. Without it: /etc/tfo-agent/config.yaml if that exists, else the built-in default pipeline.
    #[arg(long, value_name = "FILE", value_parser = Source::from_argument)]
    pub(crate) config: Vec<Source>,
    /// A value over all files, such as exporters.prometheus.endpoint=0.0.0.0:8888.
    #[arg(long, value_name = "KEY=VALUE", value_parser = Source::from_set)]
    pub(crate) set: Vec<Source>,
    /// Of the Collector; this agent has none.
    #[arg(long, value_name = "GATES", hide = true, value_parser = refuse_gates)]
    pub(crate) feature_gates: Vec<String>,
}

fn refuse_gates(gates: &str) -> Result<String, String> {
    Err(format!("{gates:?} is of the Collector: this agent has no feature gates, leave it out"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Console,
    /// One JSON object a line.
    Json,
}
