//! `create`: makes a container that waits to be started.

use std::path::PathBuf;

use cofferdam_oci::runtime::{IdMapping, NamespaceType, Spec};
use cofferdam_runtime::{
    container::{self, Request},
    own_program,
    plan::Plan,
};

use super::Command;
use crate::{
    arguments::{Given, Known, flag, value},
    log::Log,
    session::{Configuration, Ended, Failure, Session, only_id, policies},
};

pub(super) const COMMAND: Command = Command {
    name: "create",
    summary: "make a container that waits to be started",
    help: "\
create [OPTIONS] ID

  --bundle DIR, -b        directory of config.json (default: the current one)
  --console-socket FILE   socket that takes the outer side of the container's terminal
  --network-socket FILE   socket of a program that sets the container's network up before it runs
  --pid-file FILE         write the id of the container's first process there
  --preserve-fds N        pass the N descriptors after the standard three on
  --no-pivot              enter the root by chroot where pivot_root does not work; less safe
  --no-new-keyring        keep the session keyring
",
    options: OPTIONS,
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run,
};

/// Options that `run` has too.
pub(super) const OPTIONS: &[Known] = &[
    value("bundle").or('b'),
    value("console-socket"),
    value("network-socket"),
    value("pid-file"),
    value("preserve-fds"),
    flag("no-pivot"),
    flag("no-new-keyring"),
    flag("no-subreaper"),
];

fn run(given: &Given, session: &Session) -> Ended {
    let id = only_id(given)?;
    let request = Request { detached: true, ..request(given, session)? };
    let plan = container::plan(id, &request, &session.facts())?;
    warn(&plan, &session.log);
    container::create(&session.store_for_new()?, &request, &plan)?;
    Ok(0)
}

/// What the common options ask for.
pub(super) fn request(given: &Given, session: &Session) -> Result<Request, Failure> {
    let preserved = preserved(given)?;
    let bundle = container::bundle(given.value("bundle").unwrap_or(".".as_ref()).as_ref())?;
    let configuration = Configuration::read(&bundle)?;
    // Before anything is done or said, as all of it is done again by the protected program.
    if !given.is_set("dry-run") {
        own_program::protect(own_ids(&configuration.spec))?;
    }
    Ok(Request {
        spec: configuration.checked(&session.log, given.is_set("strict"))?,
        bundle,
        pid_file: given.value("pid-file").map(PathBuf::from),
        console_socket: given.value("console-socket").map(PathBuf::from),
        network_socket: given.value("network-socket").map(PathBuf::from),
        preserved,
        sockets: sockets(std::env::var("LISTEN_PID").ok(), std::env::var("LISTEN_FDS").ok()),
        no_pivot: given.is_set("no-pivot"),
        no_new_keyring: given.is_set("no-new-keyring"),
        detached: false,
        keep: false,
        policies: policies(given)?,
        strict: given.is_set("strict"),
    })
}

/// The id maps of the container's own user namespace, if it is to have one.
fn own_ids(spec: &Spec) -> Option<(&[IdMapping], &[IdMapping])> {
    let linux = spec.linux.as_ref()?;
    let namespace = linux.namespace(NamespaceType::User)?;
    namespace.path.is_empty().then_some((&linux.uid_mappings, &linux.gid_mappings))
}

/// Tells what the container goes without.
pub(super) fn warn(plan: &Plan, log: &Log) {
    let unavailable = &plan.process.unavailable;
    if !unavailable.is_empty() {
        // In runc's words, as it says the same.
        let names = unavailable.join(" ");
        log.warning(&format!("ignoring unknown or unavailable capabilities: [{names}]"));
    }
    for mount in plan.mounts.iter().filter(|mount| !mount.ignored.is_empty()) {
        let (options, place) = (mount.ignored.join(", "), mount.destination.display());
        log.note(&format!("the options {options} of the bind mount on '{place}' mean nothing"));
    }
}

/// Most descriptors that are passed on.
const MOST: u32 = 65_536;

/// How many sockets were passed to this very process (sd_listen_fds(3)).
fn sockets(process: Option<String>, count: Option<String>) -> u32 {
    let is_ours = process.and_then(|id| id.parse().ok()) == Some(std::process::id());
    let count = count.and_then(|count| count.parse().ok()).filter(|count| *count <= MOST);
    if is_ours { count.unwrap_or(0) } else { 0 }
}

/// How many descriptors are passed on. Those that are not open are none; nothing of this program's
/// takes their place, as all of it is closed when the program runs.
pub(super) fn preserved(given: &Given) -> Result<u32, Failure> {
    let count = given.parsed::<u32>("preserve-fds", "a number")?.unwrap_or(0);
    if count > MOST {
        return Err(format!("could not pass {count} descriptors on: {MOST} are the most").into());
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_for_this_process_are_passed_on() {
        let own = std::process::id().to_string();
        for (process, count, wanted) in [
            (Some(own.as_str()), Some("2"), 2),
            (Some("1"), Some("2"), 0),
            (None, Some("2"), 0),
            (Some(own.as_str()), Some("-1"), 0),
            (Some(own.as_str()), Some("65537"), 0),
            (Some(own.as_str()), None, 0),
        ] {
            let found = sockets(process.map(str::to_owned), count.map(str::to_owned));
            assert_eq!(found, wanted, "{process:?} {count:?}");
        }
    }
}
