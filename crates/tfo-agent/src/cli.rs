//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// List every component with its configuration keys, as YAML.
    Components,
    /// Remove what an agent that is gone left pinned in the kernel.
    Unpin {
        /// The directory given as extensions::ebpf::pin_path.
        #[arg(long, default_value = receiver_ebpf::DEFAULT_PIN_PATH, value_name = "DIRECTORY")]
        pin_path: PathBuf,
    },
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
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub(crate) sources: Sources,
}

#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// Configuration file; given several times, a later one lies over the earlier ones.
    /// Without it: /etc/tfo-agent/config.yaml if that exists, else the built-in default pipeline.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Console,
    /// One JSON object a line.
    Json,
}
