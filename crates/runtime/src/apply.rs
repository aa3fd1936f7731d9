//! Carrying a plan out.
//!
//! The parent makes the process in its new namespaces, writes its id maps and its control group,
//! and then supervises it: signals in, terminal both ways, exit code out. The child waits for its
//! ids, builds its root and steps into it, waits for its limits, takes every privilege off itself
//! and becomes the program.

mod child;
mod confine;
mod console;
mod copy_up;
mod device;
mod directory;
mod enter;
mod idmap;
mod init;
mod join;
mod label;
mod landlock;
mod listener;
mod message;
mod mount;
mod mount_table;
mod network;
pub(crate) mod resctrl;
mod rootfs;
mod shared;
mod source;
mod supervise;
mod terminal;

use std::{
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use cofferdam_oci::runtime::Hooks;
use cofferdam_sys::{
    channel::Channel,
    clone::{self, Child, CloneError, SingleThreaded},
    proc::Proc,
    pseudo::{self, Kind},
    signal,
};
use rustix::{
    fs::OFlags,
    process::{Pid, Signal},
    thread::UnshareFlags,
};

pub use join::exec;
pub(crate) use message::Report;

use crate::{
    cgroup::{Live, Made},
    error::{Doing, Error},
    gate::Gate,
    hooks::Runner,
    ids,
    plan::{GivenUp, Plan, What},
    state::{State, Status},
};
use listener::Exchange;
use source::Sources;
use supervise::Running;

/// How a container is made and run.
#[derive(Default)]
pub struct Options<'a> {
    /// File that the id of the container's first process is written to.
    pub pid_file: Option<PathBuf>,
    /// Called with that id and what was given up, when the container is confined and its program
    /// is about to run; the program waits for the return.
    pub explain: Option<Explain<'a>>,
    /// Socket that the outer side of the container's terminal goes to, instead of this process's
    /// own terminal.
    pub console_socket: Option<PathBuf>,
    /// Socket of whoever sets the container's network up before its program runs.
    pub network_socket: Option<PathBuf>,
    /// Descriptors beyond the standard three that the program keeps.
    pub preserved: u32,
    /// Whether the root is entered by chroot(2), where pivot_root(2) does not work.
    pub no_pivot: bool,
    /// Whether the container outlives this process.
    pub detached: bool,
    /// Hooks, and the state that they are told.
    pub hooks: Option<(&'a Hooks, &'a State)>,
    /// Called when the process and its control group are there, with the group's directories.
    pub record: Option<Record<'a>>,
    /// Called when its program runs; the container is ended if that fails.
    pub started: Option<Started<'a>>,
}

/// Looks at a confined container before its program runs.
pub type Explain<'a> = &'a mut dyn FnMut(Pid, &[GivenUp]);
/// Does what is to be done when a container's program runs.
pub type Started<'a> = &'a mut dyn FnMut(Pid) -> Result<(), Error>;
/// Takes note of a container's first process and of the directories of its control group.
pub type Record<'a> = &'a mut dyn FnMut(Pid, &[PathBuf]) -> Result<(), Error>;

/// Runs a container and waits for its end; returns its exit code, 128 and the signal's number if
/// one ended it. One that is [detached](Options::detached) is left when its program runs.
///
/// # Errors
/// When it could not be started; [`Error::exit_code`] says what to exit with.
pub fn run(plan: &Plan, options: &mut Options<'_>) -> Result<u8, Error> {
    let mut running = begin(plan, options, None)?;
    if !options.detached {
        let ended = running.finish(options);
        if !plan.namespaces.contains(UnshareFlags::NEWPID) {
            // Nobody else ends what the program leaves behind.
            Live::new(running.group.directories(), plan.cgroup.unified)
                .signal(Signal::KILL.as_raw())?;
        }
        return ended;
    }
    running.until_started(options)?;
    running.leave();
    Ok(0)
}

/// Makes a container that waits at its gate to be started.
///
/// # Errors
/// When it could not be made.
pub fn create(plan: &Plan, options: &mut Options<'_>, gate: Gate) -> Result<(), Error> {
    options.detached = true;
    let mut running = begin(plan, options, Some(gate))?;
    running.until_ready(options)?;
    running.leave();
    Ok(())
}

/// Makes the container's process and prepares it; the process goes on by itself.
fn begin(plan: &Plan, options: &mut Options<'_>, gate: Option<Gate>) -> Result<Running, Error> {
    signal::restore_pipe();
    let signals = signal::Set::all_but_faults();
    let mask = signals.block().doing("block", "signals")?;
    let queue = signal::Queue::new(&signals).doing("watch", "signals")?;
    let connect = |path| console::connect(path, "connect to the console socket");
    let console = options.console_socket.as_deref().map(connect).transpose()?;
    let alone = SingleThreaded::check().ok_or(CloneError::Threads)?;
    label::check(plan)?;
    let group = if makes_group_first(plan) { plan.cgroup.make()? } else { Made::default() };
    let sources = Sources::open(plan)?;
    let cgroup = cgroup_directory(plan)?;
    let (ours, theirs) = Channel::pair().doing("make", "a channel to the container")?;

    let exchange = Exchange::new(plan)?;
    let mounts = shared::mount_namespace(plan)?;
    let left = shared::join(plan)?;
    let late = UnshareFlags::NEWCGROUP | UnshareFlags::NEWTIME;
    let request = clone::Request {
        // Where the mount namespace is not the container's alone, the root is built in this one.
        namespaces: (plan.namespaces - late) | UnshareFlags::NEWNS,
        cgroup: cgroup.as_ref().map(AsFd::as_fd),
    };
    let explained = options.explain.is_some();
    let (mut ours, mut gate) = (Some(ours), gate);
    let mut become_child = Some(|theirs: Channel| {
        // Else the channel would stay open in the child when the parent is gone.
        ours = None;
        child::run(child::Task {
            plan,
            sources: &sources,
            channel: theirs,
            gate: gate.take(),
            mask,
            explained,
            detached: options.detached,
            preserved: options.preserved,
            no_pivot: options.no_pivot,
            shared_mounts: mounts.as_ref(),
            hooks: options.hooks,
            exchange: exchange.as_ref(),
            alone: &alone,
        })
    });
    let child = shared::spawn(plan, &request, &alone, theirs, mounts.as_ref(), &mut become_child)?;
    left.go_back()?;
    let channel = ours.ok_or_else(|| Error::configuration("/", "the channel is gone"))?;
    let mut running = Running::new(child, channel, queue, plan.given_up.clone(), group, console);
    running.agent = exchange.map(|exchange| (exchange, plan.clone(), "creating"));
    match prepare(plan, &mut running, &sources, &mask, &alone, options) {
        Ok(()) => Ok(running),
        // What the child has to say explains more than that it could not be prepared.
        Err(error) => Err(running.last_words().unwrap_or(error)),
    }
}

/// Whether the control group has to be there before the child, as it starts inside or shows its
/// group to the container; else it is made while the child builds its root.
fn makes_group_first(plan: &Plan) -> bool {
    plan.cgroup.unified || plan.mounts.iter().any(|mount| matches!(mount.what, What::Cgroups(_)))
}

fn cgroup_directory(plan: &Plan) -> Result<Option<OwnedFd>, Error> {
    let Some(directory) = plan.cgroup.directories.first().filter(|_| plan.cgroup.unified) else {
        return Ok(None);
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let opened = pseudo::open(Kind::Cgroup, &directory.path, flags);
    opened.doing("open the cgroup", directory.path.display()).map(Some)
}

/// The parent's half of the set-up. The slow part, moving into a cgroup, goes on while the child
/// builds its root.
fn prepare(
    plan: &Plan,
    running: &mut Running,
    sources: &Sources,
    mask: &signal::Set,
    alone: &SingleThreaded,
    options: &mut Options<'_>,
) -> Result<(), Error> {
    let pid = running.child.pid;
    if let Some(maps) = &plan.ids {
        ids::write(pid, maps)?;
    }
    idmap::apply(plan, sources, &running.child)?;
    running.tell(message::IDS_WRITTEN)?;
    if !makes_group_first(plan) {
        running.group = plan.cgroup.make()?;
    }
    if !plan.cgroup.unified {
        running.group.add(pid)?;
    }
    running.group.release();
    running.resctrl = plan.resctrl.as_ref().map(|asked| resctrl::apply(asked, pid)).transpose()?;
    network::move_devices(plan, pid)?;
    let socket = options.network_socket.as_deref();
    let network = socket.map(|path| network::hand_over(path, plan, &running.child)).transpose()?;
    running.given_up.extend(running.group.missing.iter().map(|file| {
        GivenUp::new(
            format!("limit {file}"),
            "the kernel has no such file, as without swap accounting",
        )
    }));
    if let Some(adjustment) = plan.process.oom_score_adjustment {
        set_oom_score(pid, adjustment)?;
    }
    if let Some(record) = &mut options.record {
        record(pid, running.group.directories())?;
    }
    if let Some((hooks, state)) = options.hooks.filter(|(hooks, _)| has_early(hooks)) {
        running.until_built(options)?;
        let state = state.for_hook(Status::Creating, pid.as_raw_nonzero().get());
        let runner = |stage| Runner { stage, state: &state, mask, alone, confine: &|| Ok(()) };
        runner("prestart").run(&hooks.prestart)?;
        runner("createRuntime").run(&hooks.create_runtime)?;
        running.tell(message::HOOKS_RUN)?;
    }
    if let Some(network) = network {
        network.wait()?;
    }
    if let Some(path) = &options.pid_file {
        write_pid_file(path, pid)?;
    }
    running.tell(message::LIMITS_SET)
}

/// Tells the kernel how soon a process is ended when memory runs out.
fn set_oom_score(pid: Pid, adjustment: i32) -> Result<(), Error> {
    let path = format!("{}/oom_score_adj", pid.as_raw_nonzero());
    let proc = Proc::open().doing("open", "a private /proc")?;
    let doing = "set oom_score_adj, which only CAP_SYS_RESOURCE may lower, to";
    proc.write(Path::new(&path), adjustment.to_string().as_bytes()).doing(doing, adjustment)
}

/// Whether there are hooks that the parent runs while the child waits.
fn has_early(hooks: &Hooks) -> bool {
    !hooks.prestart.is_empty() || !hooks.create_runtime.is_empty()
}

/// Written beside and renamed, so that a reader never sees half a number.
pub(crate) fn write_pid_file(path: &Path, pid: Pid) -> Result<(), Error> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let content = pid.as_raw_nonzero().to_string();
    std::fs::write(&temporary, content).doing("write", path.display())?;
    std::fs::rename(&temporary, path).doing("write", path.display())
}

/// Ends the child whatever it does.
fn kill(child: &Child) {
    // It may have ended by itself, which is as good.
    let _ = rustix::process::pidfd_send_signal(&child.pidfd, Signal::KILL);
}
