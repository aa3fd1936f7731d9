use std::path::PathBuf;

use clap::ValueEnum;
use cofferdam_oci::runtime::Rlimit;
use cofferdam_runtime::{
    ContainerId,
    record::{LARGEST_LOG, LONGEST_STOP, Restart},
};

use super::{
    mounts::{self, Asked},
    network::NetworkArgs,
    values::{capability, label, seconds, size, thousandths, ulimit},
};
use crate::images::Reach;

/// Run a command in a container with least privilege
///
/// The container has no capabilities, no network but its own loopback unless asked for, a
/// system-call filter, ids that are nobody's on this machine, and a root file system whose changes
/// are thrown away.
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
    #[arg(long, conflicts_with = "detach")]
    pub(crate) explain: bool,
    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Name of the container [default: random]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<ContainerId>,
    /// What to do if the image is not in the store
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) pull: Pull,
    #[command(flatten)]
    pub(crate) reach: Reach,
    #[command(flatten)]
    pub(crate) program: Program,
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) life: Life,
    /// Say more about what is done
    // In place of the global flag, whose short form is that of --volume here.
    #[arg(long, help_heading = "Global options")]
    pub(crate) verbose: bool,
}

const EXAMPLES: &str = "\
Examples:
  cofferdam run --rootfs ./root -- /bin/sh
  cofferdam run --explain --memory 256m debian:12 -- id
  cofferdam run --egress www.example.org:443 debian:12 -- wget https://www.example.org
  cofferdam run -d --name web --restart on-failure:5 --max-age 12h -v www:/srv:ro local/web";

/// What runs, and how.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Program")]
pub(crate) struct Program {
    /// Program in place of the image's entry point; the image's own command does not count then
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) entrypoint: Option<String>,
    /// Host name inside [default: the container's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,
    /// Set a variable; NAME alone passes this environment's value on
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Set the variables of a file, one a line; --env comes after
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Vec<PathBuf>,
    /// Working directory inside
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,
    /// User and group inside, by the container's own passwd and group
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub(crate) user: Option<String>,
    /// Give it a terminal [default: if stdin and stdout are one]
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// With --detach: keep its standard input open for whoever attaches
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Run an init process as PID 1 that passes signals on and reaps orphans
    #[arg(long)]
    pub(crate) init: bool,
}

/// What it sees of files and devices.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Files")]
pub(crate) struct Files {
    /// Show a directory or file of this machine, or a named volume
    #[arg(short, long, value_name = "SOURCE:PATH[:OPTIONS]", value_parser = mounts::volume)]
    pub(crate) volume: Vec<Asked>,
    /// The same in other words: type=bind|volume|tmpfs,source=…,target=…[,readonly,…]
    #[arg(long, value_name = "KEY=VALUE,…", value_parser = mounts::mount)]
    pub(crate) mount: Vec<Asked>,
    /// Put an empty file system in memory there
    #[arg(long, value_name = "PATH[:OPTIONS]", value_parser = mounts::tmpfs)]
    pub(crate) tmpfs: Vec<Asked>,
    /// Give it a character device of this machine
    #[arg(long, value_name = "DEVICE[:PATH]", value_parser = mounts::device)]
    pub(crate) device: Vec<Asked>,
    /// Make the root read-only; /tmp, /run and /var/tmp stay writable in memory
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Most that changes of the root may hold in memory, such as 512m [default: 1g]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) root_size: Option<i64>,
}

/// What it may use, and may do.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits and privileges")]
pub(crate) struct Limits {
    /// Most memory, such as 512m or 2g; swap counts as memory
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) memory: Option<i64>,
    /// Most tasks [default: 2048]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) pids_limit: Option<i64>,
    /// Most processors, such as 1.5
    #[arg(long, value_name = "COUNT", value_parser = thousandths)]
    pub(crate) cpus: Option<i64>,
    /// Resource limit, such as nofile=1024:4096
    #[arg(long, value_name = "NAME=SOFT[:HARD]", value_parser = ulimit)]
    pub(crate) ulimit: Vec<Rlimit>,
    /// Which ids the container gets [default: of its own where there are some, else shared]
    #[arg(long, value_name = "IDS", value_enum)]
    pub(crate) userns: Option<Userns>,
    /// Give it a capability, which it has over what is its own only
    #[arg(long, value_name = "NAME", value_parser = capability)]
    pub(crate) cap_add: Vec<String>,
    /// Take back a capability that --cap-add gives
    #[arg(long, value_name = "NAME", value_parser = capability)]
    pub(crate) cap_drop: Vec<String>,
    /// System-call filter, as JSON of the runtime specification or of Docker, for the strict one
    #[arg(long, value_name = "FILE")]
    pub(crate) seccomp: Option<PathBuf>,
}

/// How long it is there.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Life")]
pub(crate) struct Life {
    /// Leave it in the background, and print its name
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Remove it when it has ended; in the foreground that is always done
    #[arg(long)]
    pub(crate) rm: bool,
    /// Start it again when it ends: no, on-failure[:COUNT] or always; needs --detach
    #[arg(long, value_name = "WHEN", requires = "detach", default_value_t)]
    pub(crate) restart: Restart,
    /// End it when it has run for so long, such as 12h or 90m
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) max_age: Option<u64>,
    /// Seconds that it has to end by itself when it is stopped
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(0..=i64::from(LONGEST_STOP))
    )]
    pub(crate) stop_timeout: u32,
    /// Most that is kept of its output, such as 1m; needs --detach [default: 8m]
    #[arg(long, value_name = "SIZE", requires = "detach", value_parser = log_size)]
    pub(crate) log_size: Option<u64>,
    /// What you call it by besides; cofferdam ps --filter label=… finds it
    #[arg(short, long, value_name = "KEY[=VALUE]", value_parser = label)]
    pub(crate) label: Vec<(String, String)>,
}

/// What to do if the image is not in the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pull {
    // Nothing; it is an error.
    Never,
    // Fetch it.
    #[default]
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Userns {
    // Of its own, which no other container has; an error where all are taken.
    Auto,
    // The first subordinate ids, as every container that is started so.
    Shared,
    // The own id alone.
    Own,
    // This machine's ids; for root only, and less safe.
    Host,
}

fn log_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("a size of at most {} MiB is wanted", LARGEST_LOG >> 20);
    u64::try_from(size(text)?).ok().filter(|size| *size <= LARGEST_LOG).ok_or_else(wrong)
}
