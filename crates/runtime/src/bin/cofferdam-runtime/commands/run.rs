//! `run`: makes a container, starts it, and waits for its end.

use std::io::Write;

use cofferdam_runtime::{apply::Explain, container, explain, plan::GivenUp};
use rustix::process::Pid;

use super::{Command, create};
use crate::{
    arguments::{Given, flag, value},
    session::{Ended, Session, only_id, print},
};

pub(super) const COMMAND: Command = Command {
    name: "run",
    summary: "make a container, start it, and wait for its end",
    help: "\
run [OPTIONS] ID

  --bundle DIR, -b        directory of config.json (default: the current one)
  --detach, -d            leave the container when its program runs
  --console-socket FILE   with --detach: socket that takes the outer side of its terminal
  --network-socket FILE   socket of a program that sets the container's network up before it runs
  --pid-file FILE         write the id of the container's first process there
  --preserve-fds N        pass the N descriptors after the standard three on
  --no-pivot              enter the root by chroot where pivot_root does not work; less safe
  --no-new-keyring        keep the session keyring
  --keep                  keep the container when it has ended
  --dry-run               print what would be done and do nothing
  --explain               print to standard error what isolation is in force, before it runs

It exits with the program's code, and with 1 if it could not be run; see --exit-codes.
",
    options: &[
        value("bundle").or('b'),
        value("console-socket"),
        value("network-socket"),
        value("pid-file"),
        value("preserve-fds"),
        flag("no-pivot"),
        flag("no-new-keyring"),
        flag("no-subreaper"),
        flag("detach").or('d'),
        flag("keep"),
        flag("dry-run"),
        flag("explain"),
    ],
    stop: usize::MAX,
    passes_code_on: true,
    failed: 1,
    run,
};

fn run(given: &Given, session: &Session) -> Ended {
    let id = only_id(given)?;
    let mut request = create::request(given, session)?;
    request.detached = given.is_set("detach");
    request.keep = given.is_set("keep");
    let plan = container::plan(id, &request, &session.facts())?;
    if given.is_set("dry-run") {
        return print(&plan.to_string());
    }
    create::warn(&plan, &session.log);
    let mut look = |pid: Pid, given_up: &[GivenUp]| explain(pid, given_up);
    let look: Option<Explain<'_>> = if given.is_set("explain") { Some(&mut look) } else { None };
    let (code, warnings) = container::run(&session.store_for_new()?, &request, &plan, look)?;
    for warning in warnings {
        session.log.warning(&warning.chain().join(": "));
    }
    Ok(code)
}

/// Prints to standard error what isolation the kernel says is in force.
fn explain(pid: Pid, given_up: &[GivenUp]) {
    let pid = pid.as_raw_nonzero().get().unsigned_abs();
    let mut text = match explain::observe(pid, explain::ReadFilters::Yes) {
        Ok(observation) => {
            let reasons: Vec<_> = given_up
                .iter()
                .map(|g| explain::GivenUp { layer: g.what.clone(), why: g.why.clone() })
                .collect();
            let layers = explain::layers(&observation, &reasons);
            let stderr = rustix::stdio::stderr();
            let terminal = rustix::termios::isatty(stderr);
            let width = rustix::termios::tcgetwinsize(stderr).map_or(0, |size| size.ws_col);
            let width = if width == 0 { 100 } else { usize::from(width) };
            let coloured = terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
            let mut text = explain::render(&layers, width, coloured);
            let told = |g: &&GivenUp| !layers.iter().any(|layer| layer.name == g.what);
            for given_up in given_up.iter().filter(told) {
                text.push_str(&format!("given up: {}: {}\n", given_up.what, given_up.why));
            }
            text
        }
        Err(error) => format!("warning: {error}\n"),
    };
    text.push('\n');
    // The container runs whether or not somebody reads this.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
