use std::{io::Write as _, os::fd::AsRawFd as _, path::Path, process::Command};

use cofferdam_oci::runtime::Process;
use cofferdam_runtime::{ContainerId, container::Container, ids::is_mapped, user::resolve};
use cofferdam_sys::root::Root;
use rustix::fs::MemfdFlags;

use crate::{
    commands::run::wait,
    containers::{self, runtime},
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// Run another program in a container, as confined as its first
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam exec web ps
  cofferdam exec -it web sh
  cofferdam exec -u app -w /srv -e DEBUG=1 web ./check")]
pub(crate) struct Args {
    /// Which container
    name: ContainerId,
    /// Program and arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    command: Vec<String>,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// Pass standard input on, which is done in any case
    #[arg(short, long)]
    interactive: bool,
    /// Leave it when it runs
    #[arg(short, long, conflicts_with = "tty")]
    detach: bool,
    /// Set a variable; NAME alone passes this environment's value on
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Working directory inside [default: that of the first program]
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// User and group inside, by the container's own passwd and group
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
}

pub(crate) fn run(args: &Args, _session: &mut Session) -> Ended {
    // What goes wrong before the program runs is 125, as podman has it.
    start(args).map_err(|error| match error.exit_code() {
        2 => error.exit_with(125),
        _ => error,
    })
}

fn start(args: &Args) -> Ended {
    let found = containers::find(&args.name)?;
    let container = found.running("run a program in")?;
    let process = process(args, &container)?;
    let attempt = || format!("could not tell the runtime what to run in '{}'", args.name);
    // Not closed on execve: the runtime reads it by the same number.
    let file = rustix::fs::memfd_create("process", MemfdFlags::empty())
        .map_err(std::io::Error::from)
        .or_fail(attempt)?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    std::fs::File::from(file.try_clone().or_fail(attempt)?)
        .write_all(&serde_json::to_vec(&process).or_fail(attempt)?)
        .or_fail(attempt)?;
    let mut command = Command::new(runtime());
    command.args(["--exit-codes", "podman", "exec", "--process"]).arg(path);
    if args.detach {
        command.arg("--detach");
    }
    command.arg(args.name.as_str());
    wait(command, None)
}

/// The first program's process, with what is asked for instead.
fn process(args: &Args, container: &Container) -> Result<Process, CliError> {
    let attempt = || format!("could not run a program in '{}'", args.name);
    let spec = &container.state().spec;
    let first = spec.process.clone();
    let mut process = first.ok_or_else(|| CliError::new(attempt()))?;
    process.args.clone_from(&args.command);
    process.terminal = args.tty;
    if args.tty {
        set(&mut process.env, "TERM=xterm");
    }
    if let Some(text) = &args.user {
        let root = container.state().init.map(|init| format!("/proc/{}/root", init.pid));
        let root = root.ok_or_else(|| CliError::new(attempt()))?;
        let root = Root::open(Path::new(&root)).map_err(std::io::Error::from).or_fail(attempt)?;
        // The process may have ended, and another have its number by now.
        if containers::process(container)?.is_none() {
            return Err(CliError::new(attempt()).because(["it has ended".into()]));
        }
        let identity = resolve(&root, text)?;
        let maps = container.state().ids.as_ref();
        process.user.uid = identity.user;
        process.user.gid = identity.group;
        process.user.additional_gids = identity.groups;
        process
            .user
            .additional_gids
            .retain(|group| maps.is_none_or(|maps| is_mapped(&maps.groups, *group)));
        set(&mut process.env, &format!("HOME={}", identity.home.as_deref().unwrap_or("/")));
        if process.user.uid != 0
            && let Some(sets) = &mut process.capabilities
        {
            // As `run --user` has it: without these nothing survives execve.
            sets.inheritable.clone_from(&sets.permitted);
            sets.ambient.clone_from(&sets.permitted);
        }
    }
    for entry in &args.env {
        match entry.contains('=') {
            true => set(&mut process.env, entry),
            false => {
                if let Ok(value) = std::env::var(entry) {
                    set(&mut process.env, &format!("{entry}={value}"));
                }
            }
        }
    }
    if let Some(directory) = &args.workdir {
        let absolute = directory.starts_with('/');
        process.cwd = if absolute { directory.clone() } else { format!("/{directory}") };
    }
    Ok(process)
}

/// Programs take the first of two variables of one name, so the one before has to go.
fn set(environment: &mut Vec<String>, entry: &str) {
    let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    environment.retain(|other| name(other) != name(entry));
    environment.push(entry.to_owned());
}
