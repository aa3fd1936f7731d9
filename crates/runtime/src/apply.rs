//! Carrying a plan out.
//!
//! The parent makes the process in its new namespaces, writes its id maps and its control group,
//! and then supervises it: signals in, terminal both ways, exit code out. The child waits for its
//! ids, builds its root and steps into it, waits for its limits, takes every privilege off itself
//! and becomes the program.

mod child;
mod confine;
mod device;
mod init;
mod message;
mod rootfs;
mod supervise;
mod terminal;

use std::{
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use cofferdam_sys::{
    channel::Channel,
    clone::{self, Child},
    mount::{self, Change},
    signal,
};
use rustix::{
    fs::{Mode, OFlags, open},
    process::Signal,
    thread::UnshareFlags,
};

use crate::{
    cgroup::Made,
    error::{Doing, Error},
    ids,
    plan::{GivenUp, Plan, What},
};

/// How a container is run.
#[derive(Default)]
pub struct Options<'a> {
    /// File that the id of the container's first process is written to.
    pub pid_file: Option<PathBuf>,
    /// Called with that id and what was given up, when the container is confined and its program
    /// is about to run; the program waits for the return.
    pub explain: Option<Explain<'a>>,
}

/// Looks at a confined container before its program runs.
pub type Explain<'a> = &'a mut dyn FnMut(rustix::process::Pid, &[GivenUp]);

/// Trees of this machine that the parent has to open, as the child may not.
#[derive(Debug, Default)]
struct Sources {
    root: Option<OwnedFd>,
    binds: Vec<Option<OwnedFd>>,
}

/// Runs a container and waits for its end; returns its exit code, 128 and the signal's number if
/// one ended it.
///
/// # Errors
/// When it could not be started; [`Error::exit_code`] says what to exit with.
pub fn run(plan: &Plan, options: &mut Options<'_>) -> Result<u8, Error> {
    signal::restore_pipe();
    let signals = signal::Set::all_but_faults();
    let mask = signals.block().doing("block", "signals")?;
    let queue = signal::Queue::new(&signals).doing("watch", "signals")?;
    join(plan)?;
    let sources = Sources::open(plan)?;
    let mut group = if plan.cgroup.unified { plan.cgroup.make()? } else { Made::default() };
    let (ours, theirs) = Channel::pair().doing("make", "a channel to the container")?;

    let cgroup = cgroup_directory(plan)?;
    let late = UnshareFlags::NEWCGROUP | UnshareFlags::NEWTIME;
    let request = clone::Request {
        namespaces: plan.namespaces - late,
        cgroup: cgroup.as_ref().map(AsFd::as_fd),
    };
    let explained = options.explain.is_some();
    let mut ours = Some(ours);
    let child = clone::spawn(&request, || {
        // Else the channel would stay open in the child when the parent is gone.
        ours = None;
        child::run(&child::Task { plan, sources: &sources, channel: theirs, mask, explained })
    })?;
    let ours = ours.ok_or_else(|| Error::configuration("/", "the channel is gone"))?;

    let mut given_up = plan.given_up.clone();
    let set_up = prepare(plan, &child, &sources, &ours, &mut group, options);
    drop(sources);
    given_up.extend(group.missing.iter().map(|file| {
        GivenUp::new(
            format!("limit {file}"),
            "the kernel has no such file, as without swap accounting",
        )
    }));
    match set_up {
        Ok(()) => supervise::supervise(child, &ours, &queue, given_up, options),
        // What the child has to say explains more than that it could not be prepared.
        Err(error) => Err(supervise::last_words(&ours, &child).unwrap_or(error)),
    }
}

/// Enters the namespaces that the container shares with others; the child inherits them.
fn join(plan: &Plan) -> Result<(), Error> {
    use cofferdam_oci::runtime::NamespaceType;
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
    for joined in &plan.joined {
        let path = joined.path.display();
        let kind = match joined.kind {
            NamespaceType::Network => LinkNameSpaceType::Network,
            NamespaceType::Pid => LinkNameSpaceType::ProcessID,
            NamespaceType::Ipc => LinkNameSpaceType::InterProcessCommunication,
            NamespaceType::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
            NamespaceType::Cgroup => LinkNameSpaceType::ControlGroup,
            NamespaceType::Time => LinkNameSpaceType::Time,
            // Refused by the plan.
            NamespaceType::Mount | NamespaceType::User => continue,
        };
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = open(&joined.path, flags, Mode::empty()).doing("open the namespace", &path)?;
        move_into_link_name_space(file.as_fd(), Some(kind)).doing("join the namespace", &path)?;
    }
    Ok(())
}

impl Sources {
    /// Opens them, if the child is to be less privileged than this process.
    fn open(plan: &Plan) -> Result<Self, Error> {
        let privileged = rustix::process::geteuid().is_root();
        if !privileged || plan.ids.is_none() {
            return Ok(Self::default());
        }
        let bind = |mount: &crate::plan::Mount| match &mount.what {
            What::Bind { source, recursive } => tree(source, *recursive).map(Some),
            What::FileSystem { .. } => Ok(None),
        };
        Ok(Self {
            root: Some(tree(&plan.root.path, !plan.root.mapped)?),
            binds: plan.mounts.iter().map(bind).collect::<Result<_, _>>()?,
        })
    }
}

/// A detached copy of the mounts at a path of this machine.
fn tree(path: &Path, recursive: bool) -> Result<OwnedFd, Error> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let object = open(path, flags, Mode::empty()).doing("open", path.display())?;
    mount::copy(object, recursive).doing("copy the mount of", path.display())
}

fn cgroup_directory(plan: &Plan) -> Result<Option<OwnedFd>, Error> {
    let Some(directory) = plan.cgroup.directories.first().filter(|_| plan.cgroup.unified) else {
        return Ok(None);
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let path = directory.path.display();
    open(&directory.path, flags, Mode::empty()).doing("open the cgroup", path).map(Some)
}

/// The parent's half of the set-up. The slow part, moving into a cgroup, goes on while the child
/// builds its root.
fn prepare(
    plan: &Plan,
    child: &Child,
    sources: &Sources,
    channel: &Channel,
    group: &mut Made,
    options: &Options<'_>,
) -> Result<(), Error> {
    if let Some(maps) = &plan.ids {
        ids::write(child.pid, maps)?;
    }
    if let Some(root) = sources.root.as_ref().filter(|_| plan.root.mapped) {
        map_owners(root, child, &plan.root.path)?;
    }
    channel.send(message::IDS_WRITTEN, &[]).doing("talk to", "the container")?;
    if !plan.cgroup.unified {
        *group = plan.cgroup.make()?;
        group.add(child.pid)?;
    }
    if let Some(adjustment) = plan.process.oom_score_adjustment {
        let path = format!("/proc/{}/oom_score_adj", child.pid.as_raw_nonzero());
        std::fs::write(&path, adjustment.to_string()).doing("write", &path)?;
    }
    if let Some(path) = &options.pid_file {
        write_pid_file(path, child)?;
    }
    channel.send(message::LIMITS_SET, &[]).doing("talk to", "the container")
}

fn map_owners(root: &OwnedFd, child: &Child, path: &Path) -> Result<(), Error> {
    let file = format!("/proc/{}/ns/user", child.pid.as_raw_nonzero());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let namespace = open(&file, flags, Mode::empty()).doing("open", &file)?;
    let change = Change { id_map: Some(namespace.as_fd()), ..Change::default() };
    mount::set_attributes(root, &change).doing("map the owners of files in", path.display())
}

/// Written beside and renamed, so that a reader never sees half a number.
fn write_pid_file(path: &Path, child: &Child) -> Result<(), Error> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let content = child.pid.as_raw_nonzero().to_string();
    std::fs::write(&temporary, content).doing("write", path.display())?;
    std::fs::rename(&temporary, path).doing("write", path.display())
}

/// Ends the child whatever it does.
fn kill(child: &Child) {
    // It may have ended by itself, which is as good.
    let _ = rustix::process::pidfd_send_signal(&child.pidfd, Signal::KILL);
}
