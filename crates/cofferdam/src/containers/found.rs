//! A container that is there.

use cofferdam_runtime::{
    ContainerId, Error,
    container::Container,
    record::{Condition, Folder, Phase, Reason, Record, Records},
    state::{Status, Store, default_directory},
};

use super::kept;
use crate::{
    error::{CliError, OrFail as _},
    nearest::nearest,
};

/// A container that is there.
pub(crate) struct Found {
    records: Records,
    pub(crate) folder: Folder,
    pub(crate) record: Record,
    pub(crate) condition: Condition,
}

/// Where in its life a container is, by all that can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is being made.
    Starting,
    /// Its program runs.
    Running,
    /// It is frozen.
    Paused,
    /// It has ended, and starts again in a moment.
    Waiting,
    /// Its program runs, but whoever kept it has gone.
    Unattended,
    /// It has ended, and somebody saw how.
    Ended,
    /// It has ended, and nobody saw how.
    Vanished,
}

impl Standing {
    /// As it is told in JSON.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Waiting => "waiting",
            Self::Unattended => "unattended",
            Self::Ended => "ended",
            Self::Vanished => "vanished",
        }
    }

    /// Whether its program runs or is about to.
    pub(crate) const fn is_alive(self) -> bool {
        !matches!(self, Self::Ended | Self::Vanished)
    }
}

impl Found {
    /// `None` while it is at its very beginning.
    fn read(records: Records, folder: Folder) -> Result<Option<Self>, CliError> {
        let Some(record) = folder.record()? else { return Ok(None) };
        let Some(condition) = folder.condition()? else { return Ok(None) };
        Ok(Some(Self { records, folder, record, condition }))
    }

    pub(crate) const fn id(&self) -> &ContainerId {
        self.folder.id()
    }

    /// What is known of it now.
    pub(crate) fn look_again(&mut self) -> Result<(), CliError> {
        // The folder may be gone, which is the last that can be known.
        if let Some(condition) = self.folder.condition()? {
            self.condition = condition;
        }
        Ok(())
    }

    /// What the runtime keeps of it; `None` if it was never started or has been cleared away.
    pub(crate) fn container(&self) -> Result<Option<Container>, CliError> {
        if !default_directory().exists() {
            return Ok(None);
        }
        let store = Store::open(&default_directory())?;
        match Container::find(&store, self.id()) {
            Ok(container) => Ok(Some(container)),
            Err(Error::Missing(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What the runtime keeps of it, which has to run.
    pub(crate) fn running(&self, doing: &str) -> Result<Container, CliError> {
        let container = self.container()?;
        let running = container.filter(|container| {
            container
                .status()
                .is_ok_and(|status| matches!(status, Status::Running | Status::Paused))
        });
        running.ok_or_else(|| {
            CliError::new(format!("could not {doing} '{}': it does not run", self.id()))
                .hint("cofferdam ps --all shows containers that have ended")
        })
    }

    /// Where in its life it is.
    pub(crate) fn standing(&self) -> Result<Standing, CliError> {
        if self.condition.phase == Phase::Ended {
            return Ok(Standing::Ended);
        }
        let status = self.container()?.map(|container| container.status()).transpose()?;
        if self.is_kept()? {
            return Ok(match (self.condition.phase, status) {
                (_, Some(Status::Paused)) => Standing::Paused,
                // Nobody writes down when what runs in the foreground has started.
                (Phase::Starting, Some(Status::Running)) => Standing::Running,
                (Phase::Starting, _) => Standing::Starting,
                (Phase::Waiting, _) => Standing::Waiting,
                _ => Standing::Running,
            });
        }
        Ok(match status {
            Some(Status::Running | Status::Paused | Status::Created) => Standing::Unattended,
            _ => Standing::Vanished,
        })
    }

    /// Whether the process that keeps it is there.
    pub(crate) fn is_kept(&self) -> Result<bool, CliError> {
        let attempt = || format!("could not look at the process that keeps '{}'", self.id());
        self.condition.keeper.is_alive().or_fail(attempt)
    }

    /// Its exit code, if somebody saw that.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        self.condition.exit_code.filter(|_| self.condition.phase == Phase::Ended)
    }

    /// Why it ended, if it has.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.condition.reason.filter(|_| self.condition.phase == Phase::Ended)
    }

    /// Removes what is kept of it; nobody else may be at work on it.
    pub(crate) fn remove(self) -> Result<(), CliError> {
        let _lock = self.folder.lock()?;
        kept::remove(&self.records, &self.folder, true)
    }
}

/// The container of this name.
pub(crate) fn find(id: &ContainerId) -> Result<Found, CliError> {
    let missing = |names: &[ContainerId]| {
        let error = CliError::new(format!("could not find container '{id}'"));
        match nearest(id.as_str(), names.iter().map(ContainerId::as_str)) {
            Some(name) => error.hint(format!("did you mean '{name}'?")),
            None => error.hint("cofferdam ps --all lists what there is"),
        }
    };
    let Some(records) = Records::open()? else { return Err(missing(&[])) };
    let Some(folder) = records.find(id)? else {
        return Err(missing(&records.names()?));
    };
    match Found::read(records, folder)? {
        Some(found) => Ok(found),
        None => Err(CliError::new(format!("could not use container '{id}': it is being made"))
            .hint(format!("if that does not end, remove it: cofferdam rm --force {id}"))),
    }
}

/// A container's name, and what could be read of it.
pub(crate) type Named = (ContainerId, Result<Found, CliError>);

/// Every container, in order of their names; those that cannot be read come as errors with theirs.
pub(crate) fn all() -> Result<Vec<Named>, CliError> {
    let Some(records) = Records::open()? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for id in records.names()? {
        let one = Records::open().map_err(CliError::from).and_then(|records| {
            let Some(records) = records else { return Ok(None) };
            match records.find(&id)? {
                Some(folder) => Found::read(records, folder),
                None => Ok(None),
            }
        });
        match one {
            Ok(Some(one)) => found.push((id, Ok(one))),
            // It went away meanwhile, or is at its very beginning.
            Ok(None) => {}
            Err(error) => found.push((id, Err(error))),
        }
    }
    Ok(found)
}

/// The first process of a container that runs, as this machine numbers it.
pub(crate) fn process_id(found: &Found) -> Result<Option<i32>, CliError> {
    let Some(container) = found.container()? else { return Ok(None) };
    let alive = container.status()? != Status::Stopped;
    Ok(container.state().init.filter(|_| alive).map(|init| init.pid))
}

/// Removes a folder that cannot be read.
pub(crate) fn remove_unread(id: &ContainerId) -> Result<(), CliError> {
    let Some(records) = Records::open()? else { return Ok(()) };
    let Some(folder) = records.find(id)? else { return Ok(()) };
    let _lock = folder.lock()?;
    kept::remove(&records, &folder, true)
}
