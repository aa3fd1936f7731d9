//! `checkpoint` and `restore`: said plainly to be missing.

use super::Command;
use crate::{
    arguments::{Given, Known, flag, value},
    session::{Ended, Failure, Session, id},
};

pub(super) const CHECKPOINT: Command = Command {
    name: "checkpoint",
    summary: "not supported yet",
    help: "checkpoint [OPTIONS] ID\n\nNot supported yet: it says so and exits with 1.\n",
    options: OPTIONS,
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run: checkpoint,
};

pub(super) const RESTORE: Command = Command {
    name: "restore",
    summary: "not supported yet",
    help: "restore [OPTIONS] ID\n\nNot supported yet: it says so and exits with 1.\n",
    options: OPTIONS,
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run: restore,
};

/// What runc takes, so that the answer is the same whatever is asked for.
const OPTIONS: &[Known] = &[
    value("bundle").or('b'),
    value("console-socket"),
    value("image-path"),
    value("work-path"),
    value("parent-path"),
    value("pid-file"),
    value("page-server"),
    value("manage-cgroups-mode"),
    value("empty-ns"),
    value("status-fd"),
    value("lsm-profile"),
    value("lsm-mount-context"),
    flag("detach").or('d'),
    flag("leave-running"),
    flag("tcp-established"),
    flag("tcp-skip-in-flight"),
    flag("link-remap"),
    flag("ext-unix-sk"),
    flag("shell-job"),
    flag("lazy-pages"),
    flag("file-locks"),
    flag("pre-dump"),
    flag("auto-dedup"),
    flag("no-subreaper"),
    flag("no-pivot"),
];

fn checkpoint(given: &Given, session: &Session) -> Ended {
    let id = id(given)?;
    session.find(&id)?;
    Err(refusal(format!("could not write a checkpoint of container '{id}'")))
}

fn restore(given: &Given, _session: &Session) -> Ended {
    Err(refusal(format!("could not restore container '{}'", id(given)?)))
}

fn refusal(what: String) -> Failure {
    let installed = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|d| d.join("criu").is_file()));
    let why = if installed {
        "checkpoints are not supported yet, though CRIU is installed"
    } else {
        "checkpoints are not supported yet, and CRIU is not installed"
    };
    Failure { chain: vec![what, why.into()], code: 1, hint: None }
}
