//! Room for a new container.

use std::os::fd::OwnedFd;

use cofferdam_runtime::{
    ContainerId,
    identity::Identity,
    record::{
        Condition, Folder, Record, Records, RecordsError,
        ranges::{Pair, Taken},
    },
    state::StoreError,
};

use crate::error::{CliError, OrFail as _};

/// A container's folder, which goes away with this unless it is handed over.
pub(crate) struct Kept {
    records: Records,
    folder: Option<Folder>,
    lock: Option<OwnedFd>,
    has_ids: bool,
}

impl Kept {
    /// Reserves the name.
    pub(crate) fn reserve(id: &ContainerId) -> Result<Self, CliError> {
        let records = Records::open_or_make()?;
        let folder = match records.reserve(id) {
            Err(RecordsError::Store(StoreError::Exists(_))) => {
                return Err(CliError::new(format!("could not run: a container '{id}' exists"))
                    .hint(format!("use another --name, or remove it: cofferdam rm {id}")));
            }
            reserved => reserved?,
        };
        let lock = folder.lock()?;
        Ok(Self { records, folder: Some(folder), lock: Some(lock), has_ids: false })
    }

    pub(crate) fn folder(&self) -> &Folder {
        self.folder.as_ref().expect("it is there until it is handed over, which consumes this")
    }

    /// Ids of the container's own; `None` if every range is taken.
    pub(crate) fn take_ids(
        &mut self,
        pools: impl Iterator<Item = (cofferdam_runtime::ids::Range, cofferdam_runtime::ids::Range)>,
    ) -> Result<Option<Pair>, CliError> {
        self.has_ids = true;
        Ok(Taken::lock()?.take(pools, self.folder().id(), &self.records)?)
    }

    /// Writes down what is asked for; from now on others see the container, which this process
    /// keeps until somebody else says to be its keeper.
    pub(crate) fn fill(
        &mut self,
        spec: &cofferdam_oci::runtime::Spec,
        record: &Record,
    ) -> Result<(), CliError> {
        let attempt = || "could not tell this process from others".to_owned();
        let keeper = Identity::of(rustix::process::getpid()).or_fail(attempt)?;
        let folder = self.folder();
        folder.write_configuration(spec)?;
        folder.write_condition(&Condition::new(keeper))?;
        folder.write_record(record)?;
        Ok(())
    }

    /// Lets others work on the container.
    pub(crate) fn unlock(&mut self) {
        self.lock = None;
    }

    /// Leaves the folder to whoever keeps the container now.
    pub(crate) fn hand_over(mut self) {
        self.folder = None;
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let Some(folder) = self.folder.take() else { return };
        // A remnant keeps its name taken, and says how it is removed.
        let _ = remove(&self.records, &folder, self.has_ids);
    }
}

/// Removes what is kept of a container, and gives its ids back.
pub(crate) fn remove(records: &Records, folder: &Folder, has_ids: bool) -> Result<(), CliError> {
    if has_ids {
        Taken::lock()?.give_back(folder.id())?;
    }
    Ok(records.remove(folder)?)
}

/// Gives back the ids of a container that has ended.
pub(crate) fn give_ids_back(id: &ContainerId) -> Result<(), CliError> {
    Ok(Taken::lock()?.give_back(id)?)
}
