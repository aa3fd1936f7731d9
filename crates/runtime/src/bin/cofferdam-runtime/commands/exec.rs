//! `exec`: runs another program in a container.

use std::path::PathBuf;

use cofferdam_oci::runtime::Process;
use cofferdam_runtime::{Error, container::Execution, facts::Facts, own_program};

use super::{Command, create};
use crate::{
    arguments::{Given, as_text, flag, value},
    session::{Ended, Failure, Session, id, policies, read},
};

pub(super) const COMMAND: Command = Command {
    name: "exec",
    summary: "run another program in a container",
    help: "\
exec [OPTIONS] ID COMMAND [ARGUMENTS]
       cofferdam-runtime exec [OPTIONS] --process FILE ID

  --process FILE, -p      what to run, as JSON (config.json's 'process'); - is standard input
  --tty, -t               give it a terminal
  --cwd DIR               working directory inside
  --env NAME=VALUE, -e    set a variable
  --user UID[:GID], -u    user and group inside
  --additional-gids GID, -g   supplementary group; may be given again
  --cap NAME, -c          add a capability to the bounding, effective and permitted sets
  --no-new-privs          never let execve grant privileges
  --detach, -d            leave it when it runs
  --console-socket FILE   with --detach: socket that takes the outer side of its terminal
  --pid-file FILE         write its process id there
  --preserve-fds N        pass the N descriptors after the standard three on
  --cgroup [CONTROLLER:]PATH   run it in a cgroup below the container's
  --apparmor PROFILE      AppArmor profile
  --process-label LABEL   SELinux label
  --ignore-paused         enter a frozen container too
  --no-new-keyring        keep the session keyring

Without --process, what is not said is as for the container's first process. It exits with the
program's code, and with 255 if it could not be run; see --exit-codes.
",
    options: &[
        value("process").or('p'),
        flag("tty").or('t'),
        value("cwd"),
        value("env").or('e'),
        value("user").or('u'),
        value("additional-gids").or('g'),
        value("cap").or('c'),
        flag("no-new-privs"),
        flag("detach").or('d'),
        value("console-socket"),
        value("pid-file"),
        value("preserve-fds"),
        value("cgroup"),
        value("apparmor"),
        value("process-label"),
        flag("ignore-paused"),
        flag("no-new-keyring"),
        flag("no-subreaper"),
    ],
    stop: 2,
    passes_code_on: true,
    failed: 255,
    run,
};

fn run(given: &Given, session: &Session) -> Ended {
    let preserved = create::preserved(given)?;
    let (_, container) = session.find(&id(given)?)?;
    let ids = container.state().ids.as_ref();
    own_program::protect(ids.map(|ids| (ids.users.as_slice(), ids.groups.as_slice())))?;
    let process = match given.value("process") {
        Some(path) => from_file(path)?,
        None => from_options(given, container.state().spec.process.clone())?,
    };
    let execution = Execution {
        process,
        pid_file: given.value("pid-file").map(PathBuf::from),
        console_socket: given.value("console-socket").map(PathBuf::from),
        preserved,
        detached: given.is_set("detach"),
        ignore_paused: given.is_set("ignore-paused"),
        no_new_keyring: given.is_set("no-new-keyring"),
        groups: given.texts("cgroup")?,
        policies: policies(given)?,
    };
    Ok(container.exec(&execution, &Facts::collect())?)
}

fn from_file(path: &std::ffi::OsStr) -> Result<Process, Failure> {
    let wrong = |source| Error::Bundle { path: path.into(), source };
    let json = read(path).map_err(|error| wrong(error.into()))?;
    Ok(serde_json::from_slice(&json).map_err(|error| wrong(error.into()))?)
}

/// The first process's, with what the options say instead.
fn from_options(given: &Given, first: Option<Process>) -> Result<Process, Failure> {
    let mut process =
        first.ok_or_else(|| "the container has no process to take after".to_owned())?;
    let command = given.words.get(1..).filter(|command| !command.is_empty());
    let command = command.ok_or_else(|| "no command is given".to_owned())?;
    process.args =
        command.iter().map(|word| as_text(word).map(str::to_owned)).collect::<Result<_, _>>()?;
    for variable in given.texts("env")? {
        set_variable(&mut process.env, variable);
    }
    process.terminal = given.is_set("tty");
    if let Some(directory) = given.text("cwd")? {
        process.cwd = directory.to_owned();
    }
    if let Some(user) = given.text("user")? {
        set_user(&mut process, user)?;
    }
    for group in given.texts("additional-gids")? {
        process.user.additional_gids.push(number(&group)?);
    }
    if given.is_set("no-new-privs") {
        process.no_new_privileges = true;
    }
    if let Some(profile) = given.text("apparmor")? {
        process.apparmor_profile = profile.to_owned();
    }
    if let Some(label) = given.text("process-label")? {
        process.selinux_label = label.to_owned();
    }
    add_capabilities(&mut process, given.texts("cap")?);
    Ok(process)
}

/// Programs take the first of two variables of one name, so the one before has to go.
fn set_variable(environment: &mut Vec<String>, variable: String) {
    let name = |entry: &str| entry.split_once('=').map_or(entry, |(name, _)| name).to_owned();
    environment.retain(|entry| name(entry) != name(&variable));
    environment.push(variable);
}

/// Not to the inheritable set, from which any program's file could draw (CVE-2022-29162), nor thus
/// to the ambient one.
fn add_capabilities(process: &mut Process, names: Vec<String>) {
    if names.is_empty() {
        return;
    }
    let sets = process.capabilities.get_or_insert_default();
    for name in names {
        for set in [&mut sets.bounding, &mut sets.effective, &mut sets.permitted] {
            if !set.contains(&name) {
                set.push(name.clone());
            }
        }
    }
}

fn set_user(process: &mut Process, text: &str) -> Result<(), Failure> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    process.user.uid = number(user)?;
    if let Some(group) = group {
        process.user.gid = number(group)?;
    }
    Ok(())
}

/// An id; 4294967295 would mean "no change" to the kernel.
fn number(text: &str) -> Result<u32, Failure> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let id = text.parse::<u32>().ok().filter(|id| plain && *id != u32::MAX);
    Ok(id.ok_or_else(|| {
        format!("could not use '{text}' as an id: a number below 4294967295 is wanted")
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_never_added_to_the_inheritable_set() {
        let mut process = Process::default();
        add_capabilities(&mut process, vec!["CAP_KILL".into(), "CAP_KILL".into()]);
        let sets = process.capabilities.unwrap();
        assert_eq!(
            [&sets.bounding, &sets.effective, &sets.permitted],
            [&["CAP_KILL".to_owned()]; 3]
        );
        assert!(sets.inheritable.is_empty() && sets.ambient.is_empty());
    }

    #[test]
    fn odd_users_are_refused() {
        for text in ["", "root", "-1", "+1", "4294967295", "4294967296", "1:", "1:x", "1:2:3", " 1"]
        {
            assert!(set_user(&mut Process::default(), text).is_err(), "{text:?}");
        }
        let mut process = Process::default();
        set_user(&mut process, "5:7").unwrap();
        assert_eq!((process.user.uid, process.user.gid), (5, 7));
    }
}
