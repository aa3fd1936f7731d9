//! Making a container, and running one to its end.

use std::path::PathBuf;

use cofferdam_oci::runtime::{Hooks, Spec};
use cofferdam_sys::capability::Set;
use rustix::process::Pid;

use super::{Container, after_stop};
use crate::{
    apply::{self, Explain, Options},
    error::{Doing, Error},
    facts::Facts,
    gate::Gate,
    hooks,
    id::ContainerId,
    identity::Identity,
    plan::{GivenUp, Plan},
    policy::Policy,
    state::{Place, State, Status, Store},
};

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Directory of the configuration, absolute.
    pub bundle: PathBuf,
    /// The configuration.
    pub spec: Spec,
    /// File that the id of the container's first process is written to.
    pub pid_file: Option<PathBuf>,
    /// Socket that the outer side of its terminal goes to.
    pub console_socket: Option<PathBuf>,
    /// Socket of whoever sets its network up before its program runs.
    pub network_socket: Option<PathBuf>,
    /// Descriptors beyond the standard three that its program keeps.
    pub preserved: u32,
    /// Sockets that were passed to this program, which come before those.
    pub sockets: u32,
    /// Whether the root is entered by chroot(2), where pivot_root(2) does not work.
    pub no_pivot: bool,
    /// Whether the session keyring is kept.
    pub no_new_keyring: bool,
    /// Whether the container outlives this process.
    pub detached: bool,
    /// Whether the container is kept when it has ended.
    pub keep: bool,
    /// What the host's owner allows.
    pub policies: Vec<Policy>,
    /// Whether names of system calls that are unknown are errors.
    pub strict: bool,
}

/// Plans the container `id`.
///
/// # Errors
/// When the configuration asks for what is impossible, contradictory or not supported.
pub fn plan(id: ContainerId, request: &Request, facts: &Facts) -> Result<Plan, Error> {
    let spec = &request.spec;
    allow(&request.policies, &id, spec, &request.bundle)?;
    let mut plan = Plan::new(id, spec, &request.bundle, facts)?;
    give_up_unavailable(&mut plan);
    if request.no_new_keyring {
        plan.process.new_keyring = false;
    }
    // With an init process it is not the program that would have the id which they are for.
    plan.process.sockets = if plan.process.init { 0 } else { request.sockets };
    if let Some(hooks) = &spec.hooks {
        check(hooks)?;
    }
    let unavailable = &plan.process.unavailable;
    if request.strict && !unavailable.is_empty() {
        let why = format!("this process can give no {}", unavailable.join(", "));
        return Err(Error::configuration("/process/capabilities", why));
    }
    let unknown = plan.filter.as_ref().map_or(&[][..], |filter| &filter.unknown);
    if request.strict && !unknown.is_empty() {
        let why = format!("no call is named {}", unknown.join(", "));
        return Err(Error::configuration("/linux/seccomp/syscalls", why));
    }
    if request.strict
        && let Some((index, mount)) =
            plan.mounts.iter().enumerate().find(|(_, mount)| !mount.ignored.is_empty())
    {
        let why = format!("{} mean nothing for it", mount.ignored.join(", "));
        return Err(Error::configuration(format!("/mounts/{index}/options"), why));
    }
    check_terminal(&plan, request)?;
    leave_out_trees(&mut plan, request);
    Ok(plan)
}

/// Leaves out groups in which nothing is limited, for a container that nobody manages: moving a
/// process into one takes longer than all else (v1).
fn leave_out_trees(plan: &mut Plan, request: &Request) {
    let linux = request.spec.linux.as_ref();
    let is_placed = linux.is_some_and(|linux| !linux.cgroups_path.is_empty());
    let shows_groups = request.spec.mounts.iter().any(|mount| mount.kind.starts_with("cgroup"));
    let is_managed = request.detached || request.keep || plan.cgroup.unit.is_some();
    if !is_managed && !is_placed && !shows_groups && !plan.cgroup.unified {
        plan.cgroup.directories.retain(|directory| !directory.writes.is_empty());
    }
}

/// Refuses what a policy does not allow.
///
/// # Errors
/// [`Error::Policy`] with all that is refused.
pub(super) fn allow(
    policies: &[Policy],
    id: &ContainerId,
    spec: &Spec,
    bundle: &std::path::Path,
) -> Result<(), Error> {
    let violations = policies.iter().flat_map(|policy| policy.check(spec, bundle));
    let violations: Vec<_> = violations.collect();
    if violations.is_empty() { Ok(()) } else { Err(Error::Policy { id: id.clone(), violations }) }
}

/// Leaves out capabilities that this program does not have and thus cannot give: with less than
/// was asked for a container is no less safe.
pub(super) fn give_up_unavailable(plan: &mut Plan) {
    // In a new user namespace there are all of them.
    let Ok(own) = rustix::thread::capabilities(None) else { return };
    if plan.is_in_user_namespace() {
        return;
    }
    let own = Set::from_bits(own.permitted.bits());
    let sets = &mut plan.process.capabilities;
    let asked = [sets.bounding, sets.permitted, sets.effective, sets.inheritable, sets.ambient];
    let missing = asked.iter().fold(Set::EMPTY, |all, set| all.union(*set)).without(own);
    for set in [
        &mut sets.bounding,
        &mut sets.permitted,
        &mut sets.effective,
        &mut sets.inheritable,
        &mut sets.ambient,
    ] {
        *set = set.without(missing);
    }
    plan.process.unavailable.extend(missing.names().map(str::to_owned));
}

fn check(hooks: &Hooks) -> Result<(), Error> {
    for (stage, hooks) in [
        ("prestart", &hooks.prestart),
        ("createRuntime", &hooks.create_runtime),
        ("createContainer", &hooks.create_container),
        ("startContainer", &hooks.start_container),
        ("poststart", &hooks.poststart),
        ("poststop", &hooks.poststop),
    ] {
        hooks::check(stage, hooks)?;
    }
    Ok(())
}

fn check_terminal(plan: &Plan, request: &Request) -> Result<(), Error> {
    let why = match (&plan.process.terminal, &request.console_socket) {
        (Some(_), None) if request.detached => {
            "a container that is left alone needs --console-socket for its terminal"
        }
        (None, Some(_)) => "--console-socket is of use only with a terminal",
        (Some(_), Some(_)) if !request.detached => {
            "--console-socket is of use only for a container that is left alone"
        }
        _ => return Ok(()),
    };
    Err(Error::configuration("/process/terminal", why))
}

/// Makes a container that waits to be started.
///
/// # Errors
/// When it cannot be made; nothing of it is left then.
pub fn create(store: &Store, request: &Request, plan: &Plan) -> Result<(), Error> {
    let mut container = begin(store, request, plan)?;
    let made = Gate::make(&container.place).and_then(|gate| {
        let told = container.state.clone();
        let Container { place, state } = &mut container;
        let mut record = |pid: Pid, groups: &[PathBuf]| note(place, state, pid, groups, false);
        let mut options = options(request, &told);
        options.record = Some(&mut record);
        apply::create(plan, &mut options, gate)?;
        state.complete = true;
        Ok(place.write(state)?)
    });
    made.inspect_err(|_| container.abandon(store))
}

/// Runs a container; returns its exit code when it has ended or, if it is detached, 0 when its
/// program runs. With the code comes what went wrong with hooks that run afterwards.
///
/// # Errors
/// When it cannot be started; nothing of it is left then.
pub fn run(
    store: &Store,
    request: &Request,
    plan: &Plan,
    explain: Option<Explain<'_>>,
) -> Result<(u8, Vec<Error>), Error> {
    let mut container = begin(store, request, plan)?;
    let told = container.state.clone();
    let ran = {
        let Container { place, state } = &mut container;
        let mut record = |pid: Pid, groups: &[PathBuf]| note(place, state, pid, groups, true);
        let mut started = |pid: Pid| {
            super::run_hooks(
                "poststart",
                told.spec.hooks.as_ref().map_or(&[], |hooks| &hooks.poststart),
                &told.for_hook(Status::Running, pid.as_raw_nonzero().get()),
            )
        };
        let (is_explained, mut explain) = (explain.is_some(), explain);
        let mut look = |pid: Pid, given_up: &[GivenUp]| {
            if let Some(explain) = &mut explain {
                explain(pid, given_up);
            }
        };
        let mut options = options(request, &told);
        options.record = Some(&mut record);
        options.explain = if is_explained { Some(&mut look) } else { None };
        if told.spec.hooks.as_ref().is_some_and(|hooks| !hooks.poststart.is_empty()) {
            options.started = Some(&mut started);
        }
        let ran = apply::run(plan, &mut options);
        if request.detached && ran.is_ok() {
            place.write(state)?;
        }
        ran
    };
    let code = match ran {
        Ok(code) => code,
        Err(error) => {
            container.abandon(store);
            return Err(error);
        }
    };
    if request.detached || request.keep {
        return Ok((code, Vec::new()));
    }
    container.remove_group()?;
    container.remove_resctrl()?;
    store.remove(&container.place)?;
    Ok((code, after_stop(&container.state)))
}

fn options<'a>(request: &'a Request, told: &'a State) -> Options<'a> {
    Options {
        pid_file: request.pid_file.clone(),
        explain: None,
        console_socket: request.console_socket.clone(),
        network_socket: request.network_socket.clone(),
        preserved: request.preserved + request.sockets,
        no_pivot: request.no_pivot,
        detached: request.detached,
        hooks: told.spec.hooks.as_ref().map(|hooks| (hooks, told)),
        record: None,
        started: None,
    }
}

fn begin(store: &Store, request: &Request, plan: &Plan) -> Result<Container, Error> {
    let rootfs = plan.root.path.clone();
    let mut state = State::new(&plan.id, request.bundle.clone(), rootfs, request.spec.clone());
    state.unified = plan.cgroup.unified;
    state.unit = plan.cgroup.unit.as_ref().map(|unit| unit.name.clone());
    state.ids.clone_from(&plan.ids);
    let place = store.reserve(&plan.id)?;
    let container = Container { place, state };
    // Others are to see that it is being made, unless it is nobody's to manage.
    if request.detached
        && let Err(error) = container.place.write_for_now(&container.state)
    {
        container.abandon(store);
        return Err(error.into());
    }
    Ok(container)
}

/// Takes note of the first process and of the directories of its control group.
fn note(
    place: &Place,
    state: &mut State,
    pid: Pid,
    groups: &[PathBuf],
    complete: bool,
) -> Result<(), Error> {
    state.init = Some(Identity::of(pid).doing("look at", "the container's process")?);
    state.cgroups = groups.to_vec();
    state.complete = complete;
    Ok(place.write_for_now(state)?)
}

impl Container {
    /// Removes what there is of a container that could not be made.
    fn abandon(&self, store: &Store) {
        // Whatever cannot be removed now can still be deleted by name: the first error counts.
        if self.remove_group().is_ok()
            && store.remove(&self.place).is_ok()
            && self.state.init.is_some()
        {
            let _ = after_stop(&self.state);
        }
    }
}
