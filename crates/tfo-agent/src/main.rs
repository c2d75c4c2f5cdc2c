//! `tfo-agent`: the command line over configuration, components and runtime.
#![forbid(unsafe_code)]

mod cli;
mod components;
mod doctor;
#[cfg(test)]
mod generated;
mod guide;
mod inventory;
mod logs;
mod manual;
mod reload;
#[cfg_attr(not(target_os = "linux"), path = "rights_elsewhere.rs")]
mod rights;
mod schema;
mod start;
mod supervisor;
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
        cli::Command::Doctor(options) => doctor::doctor(&options),
        cli::Command::Helper { pins } => rights::help(pins),
        cli::Command::Unpin { pin_path } => unpin::unpin(&pin_path),
        cli::Command::Completions { shell } => manual::completions(shell),
        cli::Command::Manual { directory } => manual::write(&directory),
    }
}
