//! Another program in a container that is there.
//!
//! Three processes: this one, which stays outside and supervises; one that joins the container's
//! namespaces all at once and, being in its PID namespace itself, is never seen inside; and the
//! one that it makes there as this process's own child, which takes every privilege off itself as
//! the container's first process did. None of them can be looked into before the program runs, and
//! the last holds nothing of this machine but its channel.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use cofferdam_sys::{
    channel::Channel,
    clone::{self, Child, CloneError, Request, SingleThreaded},
    root::Root,
    signal,
};
use rustix::{
    fs::{Mode, OFlags, open, stat},
    io::Errno,
    process::{
        DumpableBehavior, Pid, WaitId, WaitIdOptions, chroot, fchdir, set_dumpable_behavior,
        set_parent_process_death_signal, waitid,
    },
    thread::{ThreadNameSpaceType, UnshareFlags, move_into_thread_name_spaces},
};

use super::{
    Options, child, confine, console, directory, listener::Exchange, message, message::Report,
    supervise::Running, terminal,
};
use crate::{
    cgroup::Made,
    error::{Doing, Error},
    identity::Identity,
    plan::Plan,
};

/// Namespaces by their files in /proc/PID/ns.
const NAMESPACES: [(&str, ThreadNameSpaceType); 8] = [
    ("user", ThreadNameSpaceType::USER),
    ("mnt", ThreadNameSpaceType::MOUNT),
    ("pid", ThreadNameSpaceType::PROCESS_ID),
    ("net", ThreadNameSpaceType::NETWORK),
    ("ipc", ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION),
    ("uts", ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME),
    ("cgroup", ThreadNameSpaceType::CONTROL_GROUP),
    ("time", ThreadNameSpaceType::TIME),
];

/// Runs the plan's program in the container of `init`, in its control group's `groups`; returns
/// its exit code, or 0 when it runs, if it is [detached](Options::detached).
///
/// # Errors
/// When it cannot be run; [`Error::exit_code`] says what to exit with.
pub fn exec(
    plan: &Plan,
    init: Identity,
    groups: &[PathBuf],
    options: &mut Options<'_>,
) -> Result<u8, Error> {
    signal::restore_pipe();
    let signals = signal::Set::all_but_faults();
    let mask = signals.block().doing("block", "signals")?;
    let queue = signal::Queue::new(&signals).doing("watch", "signals")?;
    let connect = |path| console::connect(path, "connect to the console socket");
    let console = options.console_socket.as_deref().map(connect).transpose()?;
    let alone = SingleThreaded::check().ok_or(CloneError::Threads)?;
    let gone = || Error::Refused {
        action: "execute a program in",
        id: plan.id.clone(),
        why: "container not running".into(),
    };
    let pidfd = init.open().doing("open", "the container's process")?.ok_or_else(gone)?;
    let namespaces = foreign_namespaces(init.pid)?;
    let root = if plan.shares_mounts() { Some(root_of(init, &gone)?) } else { None };
    let (ours, theirs) = Channel::pair().doing("make", "a channel to the container")?;

    let exchange = Exchange::new(plan)?;
    let mut task = Some(Task {
        plan,
        channel: theirs,
        mask,
        detached: options.detached,
        preserved: options.preserved,
        in_user_namespace: namespaces.contains(ThreadNameSpaceType::USER),
        root: root.as_ref(),
        exchange: exchange.as_ref(),
    });
    let mut ours = Some(ours);
    let request = Request { namespaces: UnshareFlags::empty(), cgroup: None };
    let usher = clone::spawn_alone(&request, &alone, || {
        // Else the channel would stay open in there when this process is gone.
        ours = None;
        task.take().map_or(125, |task| usher(task, &pidfd, namespaces, &alone))
    })?;
    drop((task, pidfd));
    let channel = ours.ok_or_else(|| Error::configuration("/", "the channel is gone"))?;
    let child = arrival(&channel, usher)?;
    let mut running =
        Running::new(child, channel, queue, plan.given_up.clone(), Made::default(), console);
    running.agent = exchange.map(|exchange| (exchange, plan.clone(), "running"));
    if let Err(error) = prepare(plan, &running, groups, options) {
        return Err(running.last_words().unwrap_or(error));
    }
    if !options.detached {
        return running.finish(options);
    }
    running.until_started(options)?;
    running.leave();
    Ok(0)
}

/// Those namespaces of a process that are not this process's.
fn foreign_namespaces(pid: i32) -> Result<ThreadNameSpaceType, Error> {
    let mut found = ThreadNameSpaceType::empty();
    for (name, kind) in NAMESPACES {
        let path = format!("/proc/{pid}/ns/{name}");
        let theirs = match stat(&path) {
            // A kernel without this kind has none to join.
            Err(Errno::NOENT) => continue,
            theirs => theirs.doing("look at the namespace", &path)?,
        };
        let own = format!("/proc/self/ns/{name}");
        let own = stat(&own).doing("look at the namespace", &own)?;
        if (theirs.st_dev, theirs.st_ino) != (own.st_dev, own.st_ino) {
            found |= kind;
        }
    }
    Ok(found)
}

/// The root of a container's first process; it is that process's if it still is there afterwards.
fn root_of(init: Identity, gone: &dyn Fn() -> Error) -> Result<OwnedFd, Error> {
    let path = format!("/proc/{}/root", init.pid);
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = open(&path, flags, Mode::empty()).doing("open", &path)?;
    if !init.is_alive().doing("look at", "the container's process")? {
        return Err(gone());
    }
    Ok(root)
}

/// The process that the usher made, told by the descriptor that it sends; nobody can forge that.
pub(super) fn arrival(channel: &Channel, usher: Child) -> Result<Child, Error> {
    let message = channel.receive().doing("hear from", "the container")?;
    reap(&usher)?;
    let lost = || Error::inside(Vec::new(), 125);
    let message = message.ok_or_else(lost)?;
    match Report::decode(&message.bytes) {
        Some(Report::Failed(code, chain)) => Err(Error::inside(chain, code)),
        Some(Report::Made(pid)) => {
            let pidfd = message.descriptors.into_iter().next().ok_or_else(lost)?;
            let pid = Some(pid).filter(|pid| *pid > 0).and_then(Pid::from_raw);
            Ok(Child { pid: pid.ok_or_else(lost)?, pidfd })
        }
        _ => Err(lost()),
    }
}

fn reap(child: &Child) -> Result<(), Error> {
    loop {
        match waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED) {
            Err(Errno::INTR) => {}
            result => return result.map(drop).doing("wait for", "the process that joins"),
        }
    }
}

fn prepare(
    plan: &Plan,
    running: &Running,
    groups: &[PathBuf],
    options: &Options<'_>,
) -> Result<(), Error> {
    let pid = running.child.pid;
    crate::cgroup::add(groups, pid)?;
    if let Some(adjustment) = plan.process.oom_score_adjustment {
        super::set_oom_score(pid, adjustment)?;
    }
    if let Some(path) = &options.pid_file {
        super::write_pid_file(path, pid)?;
    }
    running.tell(message::LIMITS_SET)
}

/// What the joining processes work with.
struct Task<'a> {
    plan: &'a Plan,
    channel: Channel,
    mask: signal::Set,
    detached: bool,
    preserved: u32,
    in_user_namespace: bool,
    /// The container's root, where its mount namespace is another's too and has another root.
    root: Option<&'a OwnedFd>,
    exchange: Option<&'a Exchange>,
}

/// Joins the namespaces and makes the program's process there.
fn usher(
    task: Task<'_>,
    pidfd: &OwnedFd,
    namespaces: ThreadNameSpaceType,
    alone: &SingleThreaded,
) -> u8 {
    let initial = task.plan.process.affinity.as_ref().map_or(&[][..], |asked| &asked.initial);
    let joined = child::die_with_parent()
        .and_then(|()| confine::set_affinity(initial))
        .and_then(|()| {
            set_dumpable_behavior(DumpableBehavior::NotDumpable).doing("hide", "the process")
        })
        .and_then(|()| {
            if namespaces.is_empty() {
                return Ok(());
            }
            move_into_thread_name_spaces(pidfd.as_fd(), namespaces)
                .doing("join the namespaces of", &task.plan.id)
        });
    if let Err(error) = joined {
        return report(&task.channel, &error);
    }
    let request = Request { namespaces: UnshareFlags::empty(), cgroup: None };
    let made = clone::spawn_sibling(&request, alone, || {
        let error = become_program(&task);
        report(&task.channel, &error)
    });
    match made {
        Ok(made) => {
            let told = Report::Made(made.pid.as_raw_nonzero().get()).encode();
            u8::from(task.channel.send(&told, &[made.pidfd.as_fd()]).is_err())
        }
        Err(error) => report(&task.channel, &error.into()),
    }
}

pub(super) fn report(channel: &Channel, error: &Error) -> u8 {
    let report = Report::Failed(error.exit_code(), error.chain());
    // Without a parent there is nobody to tell.
    let _ = channel.send(&report.encode(), &[]);
    error.exit_code()
}

/// Returns only on failure.
fn become_program(task: &Task<'_>) -> Error {
    match confined(task) {
        Ok(program) => program.execute(),
        Err(error) => error,
    }
}

fn last_processors(plan: &Plan) -> &[usize] {
    plan.process.affinity.as_ref().map_or(&[], |asked| &asked.last)
}

fn confined<'a>(task: &Task<'a>) -> Result<confine::Program<'a>, Error> {
    let plan = task.plan;
    child::die_with_parent()?;
    child::wait_for(&task.channel, message::LIMITS_SET)?;
    if task.in_user_namespace {
        child::become_root(plan)?;
    }
    if let Some(root) = task.root {
        fchdir(root).doing("enter", "the container's root")?;
        chroot(".").doing("change to", "the container's root")?;
    }
    // Else that of the mount namespace that was joined.
    let root = Root::open(Path::new("/")).doing("open", "the container's root")?;
    let program = confine::Program::new(plan)?;
    let proc = child::private_proc(plan)?;
    let console = match &plan.process.terminal {
        Some(_) => Some(terminal::join(plan, &root, &task.channel)?),
        None => None,
    };
    directory::enter(&root, &plan.process.directory)?;
    drop(root);
    child::session(plan, console)?;
    // After it was moved into the container's control group.
    confine::set_affinity(last_processors(plan))?;
    // A filter that is loaded with privileges need not allow it any more.
    child::close_descriptors(task.preserved)?;
    confine::drop_privileges(plan, proc, task.exchange.map(|e| (e, &task.channel)))?;
    // The change of user has taken it back.
    child::die_with_parent()?;
    if task.detached {
        set_parent_process_death_signal(None).doing("free", "the program of its parent")?;
    }
    task.mask.set_as_mask().doing("unblock", "signals")?;
    confine::load_filter_last(plan)?;
    Ok(program)
}
