//! Namespaces that a container shares with others, told by path.
//!
//! Those that a process can leave again are joined by this one, whose child inherits them; it goes
//! back when the child is there. A user or mount namespace cannot be left as it was come to: a
//! process in between joins it, and makes the container's process as this one's own child.

use std::os::fd::{AsFd, OwnedFd};

use cofferdam_oci::runtime::NamespaceType;
use cofferdam_sys::{
    channel::Channel,
    clone::{self, Child, Request, SingleThreaded},
};
use rustix::{
    fs::{Mode, OFlags, fstat, open},
    io::Errno,
    process::{DumpableBehavior, set_dumpable_behavior},
    thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space},
};

use super::{
    child,
    join::{arrival, report},
    message::Report,
};
use crate::{
    error::{Doing, Error},
    plan::{Joined, Plan},
};

/// Namespaces of this process that were left.
#[derive(Debug, Default)]
pub(super) struct Left(Vec<(OwnedFd, LinkNameSpaceType)>);

impl Left {
    pub(super) fn go_back(self) -> Result<(), Error> {
        for (namespace, kind) in self.0 {
            move_into_link_name_space(namespace.as_fd(), Some(kind))
                .doing("go back to", "this program's own namespace")?;
        }
        Ok(())
    }
}

const fn link(kind: NamespaceType) -> LinkNameSpaceType {
    match kind {
        NamespaceType::Network => LinkNameSpaceType::Network,
        NamespaceType::Pid => LinkNameSpaceType::ProcessID,
        NamespaceType::Ipc => LinkNameSpaceType::InterProcessCommunication,
        NamespaceType::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
        NamespaceType::Cgroup => LinkNameSpaceType::ControlGroup,
        NamespaceType::Time => LinkNameSpaceType::Time,
        NamespaceType::Mount => LinkNameSpaceType::Mount,
        NamespaceType::User => LinkNameSpaceType::User,
    }
}

/// The name in /proc/self/ns.
const fn name(kind: NamespaceType) -> &'static str {
    match kind {
        NamespaceType::Network => "net",
        NamespaceType::Mount => "mnt",
        other => other.as_str(),
    }
}

const fn can_go_back(kind: NamespaceType) -> bool {
    !matches!(kind, NamespaceType::Mount | NamespaceType::User)
}

fn file(path: &std::path::Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).doing("open the namespace", path.display())
}

/// Joins those that this process can leave again.
///
/// A parameter that is set in a namespace which turns out to be this machine's own would be the
/// machine's: that is refused.
pub(super) fn join(plan: &Plan) -> Result<Left, Error> {
    let mut left = Left::default();
    if needs_usher(plan) {
        return Ok(left);
    }
    for joined in plan.joined.iter().filter(|joined| can_go_back(joined.kind)) {
        let own = file(format!("/proc/self/ns/{}", name(joined.kind)).as_ref())?;
        enter(plan, joined, &own)?;
        left.0.push((own, link(joined.kind)));
    }
    Ok(left)
}

fn enter(plan: &Plan, joined: &Joined, own: &OwnedFd) -> Result<(), Error> {
    let path = joined.path.display();
    let theirs = file(&joined.path)?;
    let identity = |file: &OwnedFd| fstat(file).map(|stat| (stat.st_dev, stat.st_ino));
    let same = identity(&theirs).doing("look at the namespace", &path)?
        == identity(own).doing("look at the namespace", &path)?;
    if same && sets_parameters_of(plan, joined.kind) {
        let why = format!("'{path}' is the machine's own '{}' namespace", joined.kind);
        return Err(Error::configuration("/linux/sysctl", why));
    }
    if same && joined.kind == NamespaceType::User {
        // The kernel takes joining the own one for an error.
        return Ok(());
    }
    move_into_link_name_space(theirs.as_fd(), Some(link(joined.kind)))
        .doing("join the namespace", &path)
}

/// The mount namespace that the container has together with others: the runtime's own, or one that
/// is told by path. `None` if it gets a new one.
pub(super) fn mount_namespace(plan: &Plan) -> Result<Option<OwnedFd>, Error> {
    if !plan.shares_mounts() {
        return Ok(None);
    }
    let joined = plan.joins(NamespaceType::Mount);
    let path = joined.map_or(std::path::Path::new("/proc/self/ns/mnt"), |joined| &joined.path);
    file(path).map(Some)
}

fn sets_parameters_of(plan: &Plan, kind: NamespaceType) -> bool {
    plan.parameters
        .iter()
        .any(|(path, _)| path.to_str().and_then(crate::plan::parameter::namespace) == Some(kind))
}

fn needs_usher(plan: &Plan) -> bool {
    plan.joined.iter().any(|joined| !can_go_back(joined.kind))
}

/// Makes the container's process, which runs `child` with its end of the channel.
pub(super) fn spawn<F: FnOnce(Channel) -> u8>(
    plan: &Plan,
    request: &Request<'_>,
    alone: &SingleThreaded,
    theirs: Channel,
    mounts: Option<&OwnedFd>,
    child: &mut Option<F>,
) -> Result<Child, Error> {
    let mut theirs = Some(theirs);
    let mut run = || match (child.take(), theirs.take()) {
        (Some(child), Some(theirs)) => child(theirs),
        _ => 125,
    };
    if !needs_usher(plan) {
        return Ok(clone::spawn_alone(request, alone, run)?);
    }
    let (near, far) = Channel::pair().doing("make", "a channel to the container")?;
    let usher = Request { namespaces: UnshareFlags::empty(), cgroup: None };
    let usher = clone::spawn_alone(&usher, alone, || {
        let made = join_all(plan, mounts).and_then(|()| {
            let made = clone::spawn_sibling(request, alone, &mut run)?;
            let told = Report::Made(made.pid.as_raw_nonzero().get()).encode();
            far.send(&told, &[made.pidfd.as_fd()]).doing("talk to", "the parent")
        });
        made.map_or_else(|error| report(&far, &error), |()| 0)
    })?;
    drop(far);
    arrival(&near, usher)
}

/// In a process in between. What belongs to this machine is joined with this machine's rights;
/// what belongs to the user namespace that is joined, afterwards.
fn join_all(plan: &Plan, mounts: Option<&OwnedFd>) -> Result<(), Error> {
    child::die_with_parent()?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).doing("hide", "the process")?;
    let own: Vec<_> = plan
        .joined
        .iter()
        .map(|joined| file(format!("/proc/self/ns/{}", name(joined.kind)).as_ref()))
        .collect::<Result<_, _>>()?;
    let all = || plan.joined.iter().zip(&own);
    let mut again = Vec::new();
    for (joined, own) in all().filter(|(joined, _)| can_go_back(joined.kind)) {
        match enter(plan, joined, own) {
            Err(Error::Kernel { source, .. })
                if plan.joins(NamespaceType::User).is_some()
                    && source.raw_os_error() == Some(Errno::PERM.raw_os_error()) =>
            {
                again.push((joined, own));
            }
            result => result?,
        }
    }
    let of = |kind| all().find(move |(joined, _)| joined.kind == kind);
    if let Some((joined, own)) = of(NamespaceType::User) {
        enter(plan, joined, own)?;
    }
    for (joined, own) in again {
        enter(plan, joined, own)?;
    }
    if let Some(mounts) = mounts.filter(|_| plan.joins(NamespaceType::Mount).is_some()) {
        move_into_link_name_space(mounts.as_fd(), Some(LinkNameSpaceType::Mount))
            .doing("join", "the mount namespace")?;
    }
    Ok(())
}
