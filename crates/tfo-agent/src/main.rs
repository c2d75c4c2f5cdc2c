//! `tfo-agent`: the command line over configuration, components and runtime.
#![forbid(unsafe_code)]

mod cli;
mod components;
mod guide;
mod inventory;
mod logs;
mod reload;
mod schema;
mod start;
mod telemetry;
mod top;
mod unpin;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match cli::Cli::parse().command {
        cli::Command::Start(options) => start::start(&options),
        cli::Command::Validate(options) => start::validate(&options),
        cli::Command::PrintConfig(options) => start::print_config(&options),
        cli::Command::Components(options) if options.schema => schema::print(),
        cli::Command::Components(_) => inventory::print(),
        cli::Command::Top(options) => top::run(&options),
        cli::Command::Unpin { pin_path } => unpin::unpin(&pin_path),
    }
}
