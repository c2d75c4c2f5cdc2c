//! The command line of `top`.

use std::time::Duration;

use clap::Args;
use runtime::Source;

use super::columns::{COLUMNS, Column};

/// Options of `top`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Page of a running agent, such as http://host:8888/metrics; no program is loaded then. By default the agent at
    /// localhost:8888 if one answers there, else programs of its own.
    #[arg(long, value_name = "URL", conflicts_with = "own")]
    pub(super) url: Option<String>,
    /// Load programs of its own, whatever answers at localhost:8888.
    #[arg(long)]
    pub(super) own: bool,
    /// Seconds between two reads; of a page at least so many.
    #[arg(short = 'd', long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(super) interval: Interval,
    /// Print one plain table and end, for scripts.
    #[arg(long)]
    pub(super) once: bool,
    /// Print a plain table at every read.
    #[arg(short, long)]
    pub(super) batch: bool,
    /// End after so many tables.
    #[arg(short = 'n', long, value_name = "TABLES", requires = "batch")]
    pub(super) iterations: Option<u64>,
    /// Column to sort by.
    #[arg(short, long, value_name = "COLUMN", default_value = "calls", value_parser = column)]
    pub(super) sort: Column,
    /// Only processes whose name contains this, or whose pid it is.
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) filter: String,
    /// Totals since counting began, in place of rates.
    #[arg(short, long)]
    pub(super) totals: bool,
    /// A value of the built-in pipeline that runs where it loads programs of its own, such as
    /// receivers.ebpf_syscalls.histograms=false.
    #[arg(long, value_name = "KEY=VALUE", value_parser = Source::from_set)]
    pub(super) set: Vec<Source>,
}

/// Time between two reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval(pub(super) Duration);

impl Options {
    /// Whether tables are printed, nothing is drawn.
    pub(super) fn is_plain(&self) -> bool {
        self.once || self.batch
    }

    /// How many tables are printed.
    pub(super) fn tables(&self) -> u64 {
        if self.once { 1 } else { self.iterations.unwrap_or(u64::MAX) }
    }

    /// How long a page that was named may take to answer.
    pub(super) fn patience(&self) -> Duration {
        self.interval.0.max(Duration::from_secs(10))
    }
}

fn seconds(text: &str) -> Result<Interval, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number")?;
    if (0.1..=3600.0).contains(&seconds) {
        Ok(Interval(Duration::from_secs_f64(seconds)))
    } else {
        Err("must be within [0.1, 3600]".to_owned())
    }
}

fn column(text: &str) -> Result<Column, String> {
    let named = COLUMNS.iter().find(|column| column.name() == text.to_ascii_lowercase());
    named.copied().ok_or_else(|| {
        let names: Vec<_> = COLUMNS.iter().map(|column| column.name()).collect();
        format!("none of {}", names.join(", "))
    })
}
