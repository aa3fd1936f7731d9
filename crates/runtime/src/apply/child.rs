//! The child: from a process in new namespaces to the program.

use std::{os::fd::AsFd, path::Path};

use cofferdam_oci::runtime::Hooks;
use cofferdam_sys::{
    channel::Channel,
    clone::{SingleThreaded, unshare},
    exec, keyring, network,
    proc::Proc,
    root::Root,
    signal,
};
use rustix::{
    process::{
        DumpableBehavior, Signal, fchdir, getpid, set_dumpable_behavior,
        set_parent_process_death_signal, setsid,
    },
    thread::{Gid, Uid, UnshareFlags},
};

use super::{
    confine, device,
    enter::{self, Entrance},
    init,
    listener::Exchange,
    message,
    message::Report,
    rootfs,
    source::Sources,
    terminal,
};
use crate::{
    error::{Doing, Error},
    gate::Gate,
    hooks::Runner,
    ids::Writer,
    plan::{GivenUp, Plan},
    state::{State, Status},
};

/// What the child has to do its work with.
pub(super) struct Task<'a> {
    pub(super) plan: &'a Plan,
    pub(super) sources: &'a Sources,
    pub(super) channel: Channel,
    /// Where it waits to be started, if it does.
    pub(super) gate: Option<Gate>,
    /// Signals that were blocked before the parent blocked them all.
    pub(super) mask: signal::Set,
    /// Whether the parent looks at the container before the program runs.
    pub(super) explained: bool,
    /// Whether the container outlives the parent.
    pub(super) detached: bool,
    /// Descriptors beyond the standard three that the program keeps.
    pub(super) preserved: u32,
    /// Whether the root is entered by chroot.
    pub(super) no_pivot: bool,
    /// The mount namespace that the container ends up in, if it is not its own.
    pub(super) shared_mounts: Option<&'a std::os::fd::OwnedFd>,
    pub(super) hooks: Option<(&'a Hooks, &'a State)>,
    /// How an agent for system calls comes to be asked, if there is one.
    pub(super) exchange: Option<&'a Exchange>,
    pub(super) alone: &'a SingleThreaded,
}

/// Runs the child to its end; returns its exit code, should the program not take over.
pub(super) fn run(task: Task<'_>) -> u8 {
    match build(&task) {
        Ok(program) if task.plan.process.init => init::run(task, &program),
        Ok(program) => {
            let error = task.finish(&program);
            task.report(&error)
        }
        Err(error) => task.report(&error),
    }
}

impl Task<'_> {
    /// Tells the parent of a failure; returns the exit code that goes with it.
    pub(super) fn report(&self, error: &Error) -> u8 {
        let report = Report::Failed(error.exit_code(), error.chain());
        if let Some(gate) = &self.gate {
            // Read by `start`, if that is who waits; the parent reads the other.
            gate.report(&report);
        }
        // Without a parent there is nobody to tell.
        let _ = self.channel.send(&report.encode(), &[]);
        error.exit_code()
    }

    /// The last steps; returns only on failure.
    fn finish(&self, program: &confine::Program<'_>) -> Error {
        let confined = self.unblock_signals().and_then(|()| self.confine());
        match confined {
            Ok(()) => program.execute(),
            Err(error) => error,
        }
    }

    pub(super) fn unblock_signals(&self) -> Result<(), Error> {
        self.mask.set_as_mask().doing("unblock", "signals")
    }

    /// Whether a hook may look for the root where it is on this machine.
    fn needs_root_in_place(&self) -> bool {
        self.hooks.is_some_and(|(hooks, _)| !hooks.create_container.is_empty())
    }

    /// Hooks that run before the root is entered: the parent's first.
    fn early_hooks(&self, root: &Root) -> Result<(), Error> {
        let Some((hooks, state)) = self.hooks else { return Ok(()) };
        if super::has_early(hooks) {
            let report = Report::Built.encode();
            self.channel.send(&report, &[]).doing("talk to", "the parent")?;
            wait_for(&self.channel, message::HOOKS_RUN)?;
        }
        if hooks.create_container.is_empty() {
            return Ok(());
        }
        // Where runc has them run.
        fchdir(root).doing("enter", "the root")?;
        let state = state.for_hook(Status::Creating, getpid().as_raw_nonzero().get());
        self.runner("createContainer", &state, &|| Ok(())).run(&hooks.create_container)
    }

    fn runner<'b>(
        &'b self,
        stage: &'static str,
        state: &'b [u8],
        confine: &'b dyn Fn() -> Result<(), Error>,
    ) -> Runner<'b> {
        Runner { stage, state, mask: &self.mask, alone: self.alone, confine }
    }

    /// Waits at the gate, if there is one, and runs the hooks that run just before the program.
    fn wait_for_start(&self, program: &confine::Program<'_>) -> Result<(), Error> {
        if self.gate.is_some() {
            program.check()?;
            // Containers that share a PID namespace must not look into this process.
            set_dumpable_behavior(DumpableBehavior::NotDumpable).doing("hide", "the process")?;
        }
        if self.detached {
            set_parent_process_death_signal(None).doing("free", "the container of its parent")?;
        }
        if let Some(gate) = &self.gate {
            let report = Report::Ready.encode();
            self.channel.send(&report, &[]).doing("talk to", "the parent")?;
            gate.wait()?;
        }
        let Some((hooks, state)) = self.hooks.filter(|(h, _)| !h.start_container.is_empty()) else {
            return Ok(());
        };
        let mut hooks = hooks.start_container.clone();
        for hook in hooks.iter_mut().filter(|hook| hook.env.is_empty()) {
            // They run in the container, whose environment is the one that they expect.
            let process = state.spec.process.as_ref();
            hook.env = process.map(|process| process.env.clone()).unwrap_or_default();
        }
        let state = state.for_hook(Status::Created, getpid().as_raw_nonzero().get());
        // They run what the container brings, thus as confined as its program.
        let confine = || confine::load_filter_last(self.plan);
        self.runner("startContainer", &state, &confine).run(&hooks)
    }

    /// Loads the filter and lets the parent look, if it wants to.
    pub(super) fn confine(&self) -> Result<(), Error> {
        confine::load_filter_last(self.plan)?;
        if self.explained {
            let report = Report::Confined.encode();
            self.channel.send(&report, &[]).doing("talk to", "the parent")?;
            wait_for(&self.channel, message::GO)?;
        }
        Ok(())
    }
}

/// Everything up to the filter.
fn build<'a>(task: &Task<'a>) -> Result<confine::Program<'a>, Error> {
    let Task { plan, sources, channel, explained, .. } = task;
    die_with_parent()?;
    wait_for(channel, message::IDS_WRITTEN)?;
    become_root(plan)?;
    if *explained || !plan.time_offsets.is_empty() {
        make_readable()?;
    }
    let proc = private_proc(plan)?;
    let built = rootfs::build(plan, sources, channel, task.needs_root_in_place())?;
    device::populate(plan, &built.root)?;
    let console = match &plan.process.terminal {
        Some(_) => Some(terminal::open(plan, &built.root, channel)?),
        None => None,
    };
    task.early_hooks(&built.root)?;
    namespaces(plan, proc.as_ref())?;
    let root = rootfs::restrict(plan, built)?;
    let program = confine::Program::new(plan)?;
    wait_for(channel, message::LIMITS_SET)?;
    late_namespaces(plan, proc.as_ref())?;
    let entrance = match task.shared_mounts {
        Some(namespace) => Entrance::Detached(namespace),
        None if task.no_pivot => Entrance::Chroot,
        None => Entrance::Pivot,
    };
    enter::enter(plan, root, &entrance, task.needs_root_in_place())?;
    session(plan, console)?;
    // A filter that is loaded with privileges need not allow it any more.
    close_descriptors(task.preserved)?;
    confine::drop_privileges(plan, proc, task.exchange.map(|e| (e, channel)))?;
    // The change of user has taken it back.
    die_with_parent()?;
    if *explained {
        make_readable()?;
    }
    task.wait_for_start(&program)?;
    Ok(program)
}

/// Lets no descriptor live on in the program but the standard ones and those asked for.
pub(super) fn close_descriptors(preserved: u32) -> Result<(), Error> {
    let first = i32::try_from(preserved).ok().and_then(|preserved| preserved.checked_add(3));
    exec::close_on_exec_from(first.unwrap_or(3))
        .doing("close", "all descriptors but the standard ones")
}

/// A procfs that nobody else can reach, if something is to be written to one.
pub(super) fn private_proc(plan: &Plan) -> Result<Option<Proc>, Error> {
    let labelled = plan.process.apparmor.is_some() || plan.process.selinux.is_some();
    let needed = labelled || !plan.parameters.is_empty() || !plan.time_offsets.is_empty();
    needed.then(|| Proc::open().doing("open", "a private /proc")).transpose()
}

pub(super) fn die_with_parent() -> Result<(), Error> {
    set_parent_process_death_signal(Some(Signal::KILL)).doing("tie", "the container to its parent")
}

/// A change of user has made this process's files in /proc root's. Nobody else is in its PID
/// namespace yet who could look into it.
fn make_readable() -> Result<(), Error> {
    set_dumpable_behavior(DumpableBehavior::Dumpable).doing("make readable", "/proc/self")
}

pub(super) fn wait_for(channel: &Channel, wanted: &[u8]) -> Result<(), Error> {
    let message = channel.receive().doing("hear from", "the parent")?;
    match message {
        Some(message) if message.bytes == wanted => Ok(()),
        _ => Err(Error::Kernel {
            action: "hear from",
            object: "the parent".into(),
            source: std::io::ErrorKind::ConnectionAborted.into(),
        }),
    }
}

/// Becomes the container's root: the id that this process came with stands for nobody there.
pub(super) fn become_root(plan: &Plan) -> Result<(), Error> {
    if !plan.is_in_user_namespace() {
        return Ok(());
    }
    if plan.ids.as_ref().is_none_or(|maps| maps.writer != Writer::Own) {
        rustix::thread::set_thread_groups(&[]).doing("drop", "supplementary groups")?;
    }
    let (root, group) = (Uid::ROOT, Gid::ROOT);
    rustix::thread::set_thread_res_gid(group, group, group).doing("become group", 0)?;
    rustix::thread::set_thread_res_uid(root, root, root).doing("become user", 0)?;
    die_with_parent()
}

/// Sets up the namespaces that are already there.
fn namespaces(plan: &Plan, proc: Option<&Proc>) -> Result<(), Error> {
    if plan.loopback {
        network::loopback_up().doing("set up the network interface", "lo")?;
    }
    if !plan.hostname.is_empty() {
        let name = &plan.hostname;
        rustix::system::sethostname(name.as_bytes()).doing("set the host name", name)?;
    }
    if !plan.domainname.is_empty() {
        let name = &plan.domainname;
        rustix::system::setdomainname(name.as_bytes()).doing("set the domain name", name)?;
    }
    proc.map_or(Ok(()), |proc| rootfs::set_parameters(plan, proc))
}

/// Makes the namespaces that depend on what the parent has done meanwhile.
fn late_namespaces(plan: &Plan, proc: Option<&Proc>) -> Result<(), Error> {
    if plan.namespaces.contains(UnshareFlags::NEWCGROUP) {
        unshare(UnshareFlags::NEWCGROUP).doing("make a namespace of", "cgroups")?;
    }
    if plan.namespaces.contains(UnshareFlags::NEWTIME) {
        // The program enters it by execve, since Linux 6.1.
        unshare(UnshareFlags::NEWTIME).doing("make a namespace of", "clocks")?;
        const FILE: &str = "self/timens_offsets";
        let lines = plan
            .time_offsets
            .iter()
            .map(|(clock, offset)| format!("{clock} {} {}\n", offset.secs, offset.nanosecs));
        let lines: String = lines.collect();
        if let Some(proc) = proc.filter(|_| !lines.is_empty()) {
            proc.write(Path::new(FILE), lines.as_bytes()).doing("write", FILE)?;
        }
    }
    Ok(())
}

/// A session of its own, with its terminal and its keyring.
pub(super) fn session(plan: &Plan, console: Option<std::os::fd::OwnedFd>) -> Result<(), Error> {
    setsid().doing("make", "a session")?;
    if let Some(console) = console {
        rustix::process::ioctl_tiocsctty(console.as_fd()).doing("take", "the terminal")?;
        exec::become_standard_streams(&console).doing("take", "the terminal")?;
    }
    if plan.process.new_keyring {
        let name = std::ffi::CString::new(plan.id.as_str()).unwrap_or_default();
        match keyring::new_session(&name) {
            // A kernel without keyrings has none to leak.
            Err(rustix::io::Errno::NOSYS) => {}
            result => result.doing("make", "a session keyring")?,
        }
    }
    Ok(())
}

/// Tells the parent what the container does without.
pub(super) fn give_up(
    channel: &Channel,
    what: impl Into<String>,
    why: &Error,
) -> Result<(), Error> {
    let report = Report::GaveUp(GivenUp::new(what, why.chain().join(": ")));
    channel.send(&report.encode(), &[]).doing("talk to", "the parent")
}
