//! The grammar of the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;

/// Container security from end to end: scan an image, then run it contained
#[derive(Debug, Parser)]
#[command(name = "cofferdam", version, max_term_width = 100, after_help = EXAMPLES)]
#[command(subcommand_value_name = "COMMAND", disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  cofferdam scan oci:./image                     vulnerabilities of an image on disk
  cofferdam scan --fail-on high debian:12        exit status 1 if something is high or critical
  cofferdam run --rootfs ./root -- /bin/sh       a contained, least-privilege shell
  cofferdam doctor                               what works on this machine

Exit status:
  0  done, and nothing at or above --fail-on
  1  findings at or above --fail-on
  2  wrong usage, or the work could not be done
  3  something could not be looked at, under --strict
  run, exec and attach pass on the status of the program; 125, 126 and 127 say that it did not start";

/// Flags that every command understands.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Never open a network connection
    #[arg(long, global = true)]
    pub(crate) offline: bool,
    /// When to use colours [default: auto]
    #[arg(long, global = true, value_name = "WHEN", value_enum)]
    pub(crate) color: Option<Color>,
    /// Print data and errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more about what is done
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
    /// Where images and the database are kept
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Write data to FILE (in one step, when it is complete) instead of stdout
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print each setting with its origin, and do nothing else
    #[arg(long, global = true)]
    pub(crate) show_config: bool,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    // Not doc comments: clap would stretch every help page over them.
    // On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    // Everywhere.
    Always,
    // Nowhere.
    Never,
}

/// Written form of a list or a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    // For people.
    #[default]
    Table,
    // For programs.
    Json,
}

/// One variant a subcommand; the help is the doc comment of its argument struct.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Scan(commands::scan::Args),
    Sbom(commands::sbom::Args),
    Lint(commands::lint::Args),
    Run(Box<commands::run::Args>),
    Ps(commands::container::ps::Args),
    Logs(commands::container::logs::Args),
    Exec(commands::container::exec::Args),
    Stop(commands::container::stop::Args),
    Rm(commands::container::rm::Args),
    Container(commands::container::Args),
    Volume(commands::volume::Args),
    Image(commands::image::Args),
    Kube(commands::kube::Args),
    Db(commands::db::Args),
    Fleet(commands::fleet::Args),
    Base(commands::base::Args),
    Explain(commands::explain::Args),
    Rules(commands::rules::Args),
    Vercmp(commands::vercmp::Args),
    Doctor(commands::doctor::Args),
    Completions(commands::completions::Args),
    Man(commands::man::Args),
    #[command(hide = true)]
    ContainerMonitor(commands::monitor::Args),
    #[command(hide = true)]
    NetworkKeeper(commands::network_keeper::Args),
}
