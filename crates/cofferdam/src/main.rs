//! The command line: arguments, configuration, progress and printing over the library crates.
//!
//! Start at [`cli`] for the grammar, at [`commands`] for one file a subcommand, at [`settings`] for
//! where a value comes from. Nothing here decides what a finding is: the library crates do.

mod advisories;
mod bounded;
mod cli;
mod commands;
mod containers;
mod error;
mod facts;
mod images;
mod interrupt;
mod nearest;
mod output;
mod printer;
mod progress;
mod reporting;
mod scanners;
mod session;
mod settings;
mod stamp;
mod usage;

use std::process::ExitCode;

fn main() -> ExitCode {
    session::main(std::env::args_os())
}
