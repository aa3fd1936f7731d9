//! The commands: a file each, and the table of them.

mod checkpoint;
mod create;
mod delete;
mod events;
mod exec;
mod features;
mod inspect;
mod kill;
mod list;
mod pause;
mod ps;
mod run;
mod spec;
mod start;
mod state;
mod update;

use crate::{
    arguments::{Given, Known},
    session::{Ended, Session},
};

/// A command.
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// What it does, in a line.
    summary: &'static str,
    /// How it is called, and its options.
    help: &'static str,
    pub(crate) options: &'static [Known],
    /// After how many words everything is a word.
    pub(crate) stop: usize,
    /// Whether its exit code is that of a program in the container.
    pub(crate) passes_code_on: bool,
    /// What it ends with when it fails, as runc does.
    pub(crate) failed: u8,
    pub(crate) run: fn(&Given, &Session) -> Ended,
}

impl Command {
    pub(crate) fn help(&self) -> String {
        format!("usage: cofferdam-runtime {}\n\n{}", self.help.trim_start(), GLOBAL)
    }
}

pub(crate) const COMMANDS: &[Command] = &[
    create::COMMAND,
    start::COMMAND,
    run::COMMAND,
    exec::COMMAND,
    state::COMMAND,
    list::COMMAND,
    kill::COMMAND,
    delete::COMMAND,
    ps::COMMAND,
    inspect::COMMAND,
    pause::PAUSE,
    pause::RESUME,
    update::COMMAND,
    events::COMMAND,
    spec::COMMAND,
    features::COMMAND,
    checkpoint::CHECKPOINT,
    checkpoint::RESTORE,
];

const GLOBAL: &str = "\
options of every command, before its name or after:
  --root DIR            where containers are kept (default: /run/cofferdam/containers for root)
  --log FILE            write errors and warnings to a file too
  --log-format FORMAT   text or json
  --policy FILE         refuse what FILE does not allow, besides /etc/cofferdam/runtime-policy.json
  --strict              take unknown keys and unknown names of system calls for errors
  --exit-codes WHOSE    what failures end with: runc (the default): 1, and 255 for exec; podman, for
                        run and exec: 125, 126 if the program cannot be run, 127 if there is none
  --systemd-cgroup      let systemd manage cgroups, which are named as SLICE:PREFIX:NAME
  --help                print this
";

/// The list of commands.
pub(crate) fn usage() -> String {
    let mut text = String::from(
        "usage: cofferdam-runtime COMMAND [OPTIONS] [ARGUMENTS]\n\n\
         makes and runs containers from OCI bundles; its command line is runc's\n\ncommands:\n",
    );
    for command in COMMANDS {
        text.push_str(&format!("  {:<12}{}\n", command.name, command.summary));
    }
    text.push_str("\n'cofferdam-runtime COMMAND --help' tells of its options\n\n");
    text.push_str(GLOBAL);
    text
}
