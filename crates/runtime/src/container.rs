//! Containers as the command line knows them: made, started, signalled, frozen, deleted.
//!
//! Every operation is a process of its own that finds the container by what is kept of it
//! ([`crate::state`]); none stays behind.

mod exec;
mod make;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use cofferdam_oci::runtime::{Hook, Hooks, NamespaceType, Resources};
use cofferdam_sys::{
    clone::{CloneError, SingleThreaded},
    signal,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::Signal,
};

pub use exec::Execution;
pub use make::{Request, create, plan, run};

use crate::{
    cgroup::{Layout, Live, systemd},
    error::{Doing, Error},
    facts::Facts,
    gate,
    hooks::Runner,
    id::ContainerId,
    plan::Plan,
    state::{Place, State, Status, Store, Summary},
};

const KILL: i32 = Signal::KILL.as_raw();
/// How long a killed container may take to end.
const DYING: Duration = Duration::from_secs(10);

/// A container that has been made.
#[derive(Debug)]
pub struct Container {
    place: Place,
    state: State,
}

impl Container {
    /// Finds a container.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is none of this name, or what is kept of it is not usable.
    pub fn find(store: &Store, id: &ContainerId) -> Result<Self, Error> {
        let missing = || Error::Missing(id.clone());
        let place = store.find(id)?.ok_or_else(missing)?;
        let state = place.read()?.ok_or_else(missing)?;
        Ok(Self { place, state })
    }

    /// What is kept of it.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &ContainerId {
        self.place.id()
    }

    /// Its control group.
    #[must_use]
    pub fn group(&self) -> Live<'_> {
        Live::new(&self.state.cgroups, self.state.unified)
    }

    /// The machine's facts, and who has made its control group.
    fn facts(&self, facts: &Facts) -> Facts {
        Facts { systemd: self.state.unit.is_some(), ..facts.clone() }
    }

    /// The plan that its stored configuration stands for.
    ///
    /// # Errors
    /// When the configuration has no meaning on this machine any more.
    pub(crate) fn as_planned(&self, facts: &Facts) -> Result<Plan, Error> {
        let spec = &self.state.spec;
        let mut plan = Plan::new(self.id().clone(), spec, &self.state.bundle, &self.facts(facts))?;
        make::give_up_unavailable(&mut plan);
        Ok(plan)
    }

    /// Where in its life it is.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub fn status(&self) -> Result<Status, Error> {
        let alive = match self.state.init {
            Some(init) => init.is_alive().doing("look at", "the container's process")?,
            None => return Ok(Status::Creating),
        };
        Ok(match (alive, self.state.complete) {
            (false, _) => Status::Stopped,
            (true, false) => Status::Creating,
            (true, true) if gate::is_closed(&self.place) => Status::Created,
            (true, true) if self.group().is_frozen() => Status::Paused,
            (true, true) => Status::Running,
        })
    }

    /// What users are told of it.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub fn summary(&self) -> Result<Summary, Error> {
        let owner = rustix::fs::fstat(&self.place).doing("look at", self.place.path().display())?;
        Ok(self.state.summary(self.status()?, user_name(owner.st_uid)))
    }

    fn refuse<T>(&self, action: &'static str, why: impl Into<String>) -> Result<T, Error> {
        Err(Error::Refused { action, id: self.id().clone(), why: why.into() })
    }

    /// Lets its program run.
    ///
    /// # Errors
    /// When it does not wait to be started, its program cannot run, or a hook fails; a container
    /// whose hook fails is ended.
    pub fn start(&self) -> Result<(), Error> {
        let _lock = self.place.lock()?;
        match self.status()? {
            Status::Created => {}
            Status::Stopped => return self.refuse("start", "container has stopped"),
            status => return self.refuse("start", format!("it is {status} already")),
        }
        if let Err(error) = gate::open(&self.place) {
            // It is on its way out; whoever hears of the failure can delete it at once.
            let _ = self.end();
            return Err(error);
        }
        self.after_start()
    }

    /// Runs the hooks that come after the start.
    fn after_start(&self) -> Result<(), Error> {
        let hooks = self.hooks(|hooks| &hooks.poststart);
        let pid = self.state.init.map_or(0, |init| init.pid);
        let state = self.state.for_hook(Status::Running, pid);
        let result = run_hooks("poststart", hooks, &state);
        if result.is_err() {
            // The specification wants it stopped; that it has stopped already is as good.
            let _ = self.end();
        }
        result
    }

    fn hooks(&self, stage: impl FnOnce(&Hooks) -> &Vec<Hook>) -> &[Hook] {
        self.state.spec.hooks.as_ref().map_or(&[], |hooks| stage(hooks))
    }

    /// Sends a signal to its first process, or to every process of its control group.
    ///
    /// # Errors
    /// When it has stopped, unless all are meant.
    pub fn kill(&self, number: i32, all: bool) -> Result<(), Error> {
        let pidfd = match self.state.init {
            Some(init) => init.open().doing("open", "the container's process")?,
            None => None,
        };
        // Without a PID namespace of its own nobody else ends the others when the first dies.
        if all || (number == KILL && !self.has_own_processes()) {
            self.group().signal(number)?;
        }
        let Some(pidfd) = pidfd else {
            return if all { Ok(()) } else { self.refuse("kill", "container not running") };
        };
        match signal::send(&pidfd, number) {
            Ok(()) => {}
            Err(Errno::SRCH) if all => {}
            Err(Errno::SRCH) => return self.refuse("kill", "container not running"),
            Err(error) => return Err(error).doing("send a signal to", self.id()),
        }
        if number == KILL && self.group().is_frozen() {
            // What is frozen dies only when it thaws (v1).
            self.group().freeze(false)?;
        }
        Ok(())
    }

    fn has_own_processes(&self) -> bool {
        let linux = self.state.spec.linux.as_ref();
        linux
            .and_then(|linux| linux.namespace(NamespaceType::Pid))
            .is_some_and(|n| n.path.is_empty())
    }

    /// Freezes its processes.
    ///
    /// # Errors
    /// When it does not run, or has no group that can be frozen.
    pub fn pause(&self) -> Result<(), Error> {
        let _lock = self.place.lock()?;
        match self.status()? {
            Status::Running | Status::Created => self.group().freeze(true),
            status => self.refuse("pause", format!("it is {status}")),
        }
    }

    /// Thaws its processes.
    ///
    /// # Errors
    /// When it is not frozen.
    pub fn resume(&self) -> Result<(), Error> {
        let _lock = self.place.lock()?;
        match self.status()? {
            Status::Stopped => self.refuse("resume", "container not running"),
            _ if self.group().is_frozen() => self.group().freeze(false),
            status => self.refuse("resume", format!("it is not paused but {status}")),
        }
    }

    /// Ids of its processes on this machine.
    ///
    /// # Errors
    /// When its control group cannot be read.
    pub fn processes(&self) -> Result<Vec<i32>, Error> {
        if self.state.cgroups.is_empty() {
            let alive = self.status()? != Status::Stopped;
            return Ok(self
                .state
                .init
                .filter(|_| alive)
                .map(|init| init.pid)
                .into_iter()
                .collect());
        }
        self.group().processes()
    }

    /// Changes limits while it runs.
    ///
    /// # Errors
    /// When it has stopped, a limit is not supported, or the kernel refuses it.
    pub fn update(mut self, changed: &Resources) -> Result<(), Error> {
        let _lock = self.place.lock()?;
        if self.status()? == Status::Stopped {
            return self.refuse("change the limits of", "container not running");
        }
        let default = Resources::default();
        let linux = self.state.spec.linux.as_ref();
        let before = linux.and_then(|linux| linux.resources.as_ref()).unwrap_or(&default);
        let all = self.group().update(before, changed)?;
        if let Some(unit) = &self.state.unit {
            systemd::update(unit, &systemd::resources(&all, &Layout::detect()))?;
        }
        self.state.spec.linux.get_or_insert_default().resources = Some(all);
        Ok(self.place.write(&self.state)?)
    }

    /// Ends its processes and waits until the first is gone.
    fn end(&self) -> Result<(), Error> {
        let pidfd = match self.state.init {
            Some(init) => init.open().doing("open", "the container's process")?,
            None => None,
        };
        let Some(pidfd) = pidfd else { return Ok(()) };
        self.kill(KILL, true)?;
        let deadline = Instant::now() + DYING;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).ok();
            match poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], left.as_ref()) {
                Ok(0) => return self.refuse("end", "its process does not die"),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error).doing("wait for", "the container's end"),
            }
        }
    }

    /// Removes it with all that was made for it; returns what went wrong with hooks that run
    /// afterwards, which is no failure.
    ///
    /// # Errors
    /// When it still runs and `force` is not asked for, or something cannot be removed.
    pub fn delete(self, store: &Store, force: bool) -> Result<Vec<Error>, Error> {
        match self.status()? {
            Status::Stopped => {}
            // The one that makes it has it: it may be about to run hooks.
            Status::Creating if !force => return self.refuse("delete", "it is being made"),
            Status::Running | Status::Paused if !force => {
                return self.refuse("delete", "it is not stopped");
            }
            _ => self.end()?,
        }
        let _lock = self.place.lock()?;
        self.remove_group()?;
        self.remove_resctrl()?;
        store.remove(&self.place)?;
        Ok(after_stop(&self.state))
    }
}

impl Container {
    /// Removes its control group, and has its unit stopped.
    fn remove_group(&self) -> Result<(), Error> {
        if let Some(unit) = &self.state.unit {
            // Once its processes are gone it goes by itself, whether or not systemd can be asked.
            let _ = systemd::stop(unit);
        }
        self.group().remove()
    }

    /// Removes its groups of cache and memory bandwidth.
    fn remove_resctrl(&self) -> Result<(), Error> {
        let asked = self.state.spec.linux.as_ref().and_then(|linux| linux.intel_rdt.as_ref());
        asked.map_or(Ok(()), |asked| crate::apply::resctrl::remove(&self.state.id, asked))
    }
}

/// Runs every hook that comes after a container's end.
fn after_stop(state: &State) -> Vec<Error> {
    let hooks = state.spec.hooks.as_ref().map_or(&[][..], |hooks| &hooks.poststop);
    let told = state.for_hook(Status::Stopped, 0);
    hooks
        .iter()
        .filter_map(|hook| run_hooks("poststop", std::slice::from_ref(hook), &told).err())
        .collect()
}

/// Runs hooks in this program's own namespaces.
fn run_hooks(stage: &'static str, hooks: &[Hook], state: &[u8]) -> Result<(), Error> {
    if hooks.is_empty() {
        return Ok(());
    }
    let alone = SingleThreaded::check().ok_or(CloneError::Threads)?;
    let mask = signal::Set::none();
    Runner { stage, state, mask: &mask, alone: &alone, confine: &|| Ok(()) }.run(hooks)
}

/// Removes what is left of a container that was never made completely; false if there is nothing.
///
/// # Errors
/// When it cannot be removed.
pub fn remove_remnant(store: &Store, id: &ContainerId) -> Result<bool, Error> {
    let Some(place) = store.find(id)? else { return Ok(false) };
    let _lock = place.lock()?;
    store.remove(&place)?;
    Ok(true)
}

/// The name of a user of this machine, or `#` and the number.
fn user_name(id: u32) -> String {
    let table = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("#{id}"))
}

/// Every container, in order of their names; those whose state is not usable come as errors.
///
/// # Errors
/// When the directory cannot be read.
pub fn list(store: &Store) -> Result<Vec<Result<Summary, Error>>, Error> {
    let containers = store.ids()?.into_iter().filter_map(|id| match Container::find(store, &id) {
        // It went away meanwhile, or is at its very beginning.
        Err(Error::Missing(_)) => None,
        found => Some(found.and_then(|container| container.summary())),
    });
    Ok(containers.collect())
}

/// Where a bundle's path leads, absolute.
///
/// # Errors
/// When there is no such directory.
pub fn bundle(path: &std::path::Path) -> Result<PathBuf, Error> {
    std::fs::canonicalize(path).doing("find the bundle", path.display())
}
