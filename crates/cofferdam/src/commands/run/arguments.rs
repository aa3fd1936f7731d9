use std::path::PathBuf;

use clap::ValueEnum;
use cofferdam_runtime::ContainerId;

use super::size::{size, thousandths};

/// Run a command in a container with least privilege
///
/// The container has no capabilities, no network but its own loopback, a system-call filter, ids
/// that are nobody's on this machine, and a root file system whose changes are thrown away.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Directory that holds the container's root file system; then no IMAGE is named
    #[arg(long, value_name = "DIR")]
    pub(crate) rootfs: Option<PathBuf>,
    /// Image of the store (without --rootfs), then the command and its arguments
    #[arg(value_name = "IMAGE|COMMAND", trailing_var_arg = true)]
    pub(crate) words: Vec<String>,
    /// Print to stderr what isolation is in force, by the kernel's own account
    #[arg(long)]
    pub(crate) explain: bool,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Name of the container [default: random]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<ContainerId>,
    /// Host name inside [default: the container's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
    /// Set a variable; NAME alone passes this environment's value on
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Working directory inside
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// User and group inside, by the container's own passwd and group
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub(crate) user: Option<String>,
    /// Most memory, such as 512m or 2g; swap counts as memory
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory: Option<i64>,
    /// Most tasks [default: 2048]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) pids_limit: Option<i64>,
    /// Most processors, such as 1.5
    #[arg(long, value_name = "COUNT", value_parser = thousandths)]
    pub(crate) cpus: Option<i64>,
    /// Make the root read-only; /tmp, /run and /var/tmp stay writable in memory
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Most that changes of the root may hold in memory, such as 512m [default: 1g]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) root_size: Option<i64>,
    /// Give it a terminal [default: if stdin and stdout are one]
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Run an init process as PID 1 that passes signals on and reaps orphans
    #[arg(long)]
    pub(crate) init: bool,
    /// Which ids the container gets [default: auto]
    #[arg(long, value_name = "IDS", value_enum)]
    pub(crate) userns: Option<Userns>,
}

const EXAMPLES: &str = "\
Examples:
  cofferdam run --rootfs ./root -- /bin/sh
  cofferdam run --explain --memory 256m debian:12 -- id";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Userns {
    // Subordinate ids if there are any, else the own id alone.
    Auto,
    // The own id alone.
    Own,
    // This machine's ids; for root only, and less safe.
    Host,
}
