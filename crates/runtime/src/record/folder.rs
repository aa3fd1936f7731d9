//! The directory of all that is kept, and a container's folder in it.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, Mode, OFlags, openat, unlinkat},
    io::Errno,
};

use super::{Condition, Record, RecordError, log};
use crate::{
    id::ContainerId,
    state::{Place, Store, StoreError},
};

/// The bundle's configuration.
const CONFIGURATION: &str = "config.json";
/// Socket by which others join the container.
pub const SOCKET: &str = "attach";
/// Socket by which the runtime hands a terminal over.
pub const CONSOLE: &str = "console";
const RECORD: (&str, &str) = ("record.json", "record.json.new");
const CONDITION: (&str, &str) = ("condition.json", "condition.json.new");
/// Is there when somebody wants the container to end and not to start again.
const STOP: &str = "stop";
/// All that this program puts into a folder; whatever else is there stays.
const FILES: [&str; 18] = [
    CONFIGURATION,
    SOCKET,
    CONSOLE,
    STOP,
    // The network's.
    "network.json",
    "network.sock",
    "hosts",
    "resolv.conf",
    "refused.json",
    "refused.new",
    "pasta.pid",
    "pasta.log",
    log::NEWEST,
    log::OLDER,
    CONDITION.0,
    CONDITION.1,
    RECORD.1,
    // Last: a folder without it is one that was never complete.
    RECORD.0,
];
/// Largest record or condition that is read, in bytes.
const LIMIT: u64 = 1024 * 1024;

/// Why what is kept of a container could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// A file or directory could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file is not what it should be.
    #[error("could not use the file '{}'", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: RecordError,
    },
}

/// The directory of all that is kept.
#[derive(Debug)]
pub struct Records(Store);

/// A container's folder.
#[derive(Debug)]
pub struct Folder(Place);

/// Where the folders are unless it is said: beside what the runtime keeps.
#[must_use]
pub(super) fn default_directory() -> PathBuf {
    crate::state::default_directory().with_file_name("records")
}

impl Records {
    /// Opens the directory of this user's records, which is made if it is missing.
    ///
    /// # Errors
    /// When it cannot be made or used, or others than its user may write to it.
    pub fn open_or_make() -> Result<Self, RecordsError> {
        Ok(Self(Store::open_or_make(&default_directory())?))
    }

    /// Opens the directory; `None` if it was never made.
    ///
    /// # Errors
    /// When it cannot be used, or others than its user may write to it.
    pub fn open() -> Result<Option<Self>, RecordsError> {
        let path = default_directory();
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(Self::at(&path)?))
    }

    /// Opens a directory of records.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn at(path: &Path) -> Result<Self, RecordsError> {
        Ok(Self(Store::open(path)?))
    }

    /// Names of the containers, in order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn names(&self) -> Result<Vec<ContainerId>, RecordsError> {
        Ok(self.0.ids()?)
    }

    /// Makes the folder of a new container.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when one of this name is there.
    pub fn reserve(&self, id: &ContainerId) -> Result<Folder, RecordsError> {
        Ok(Folder(self.0.reserve(id)?))
    }

    /// A container's folder; `None` when there is none.
    ///
    /// # Errors
    /// When it is not a directory of this user's alone.
    pub fn find(&self, id: &ContainerId) -> Result<Option<Folder>, RecordsError> {
        Ok(self.0.find(id)?.map(Folder))
    }

    /// Removes a folder with all that this program put there.
    ///
    /// # Errors
    /// When something else is in it.
    pub fn remove(&self, folder: &Folder) -> Result<(), RecordsError> {
        Ok(self.0.remove_files(&folder.0, &FILES)?)
    }
}

impl Folder {
    /// The container's name.
    #[must_use]
    pub const fn id(&self) -> &ContainerId {
        self.0.id()
    }

    /// Where it is; also the container's bundle.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Keeps other commands from the container while the returned lock exists.
    ///
    /// # Errors
    /// When another command works on it for longer than ten seconds.
    pub fn lock(&self) -> Result<OwnedFd, RecordsError> {
        Ok(self.0.lock()?)
    }

    /// Writes the configuration that the container is made from.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_configuration(
        &self,
        spec: &cofferdam_oci::runtime::Spec,
    ) -> Result<(), RecordsError> {
        // The bundle is nobody's yet: no need for a second name.
        self.write((CONFIGURATION, RECORD.1), spec)
    }

    /// Writes what was asked for.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_record(&self, record: &Record) -> Result<(), RecordsError> {
        self.write(RECORD, record)
    }

    /// Replaces what is known of the container: a reader sees the old or the new.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_condition(&self, condition: &Condition) -> Result<(), RecordsError> {
        self.write(CONDITION, condition)
    }

    fn write(&self, names: (&str, &str), what: &impl serde::Serialize) -> Result<(), RecordsError> {
        let json = serde_json::to_vec(what).map_err(std::io::Error::from);
        // Gone with the machine, as the container is: it need not reach the disk.
        let written = json.and_then(|json| self.0.replace(names, &json, false));
        Ok(written.map_err(|error| self.0.failed("write to", error))?)
    }

    /// What was asked for; `None` while the folder is being filled.
    ///
    /// # Errors
    /// When it cannot be read or is not a record.
    pub fn record(&self) -> Result<Option<Record>, RecordsError> {
        self.read(RECORD.0, |json| Record::parse(json, self.id()))
    }

    /// How the container is doing; `None` before its keeper has said.
    ///
    /// # Errors
    /// When it cannot be read or is not a condition.
    pub fn condition(&self) -> Result<Option<Condition>, RecordsError> {
        self.read(CONDITION.0, Condition::parse)
    }

    fn read<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, RecordError>,
    ) -> Result<Option<T>, RecordsError> {
        let json = self.0.bytes(name, LIMIT);
        let Some(json) = json.map_err(|error| self.0.failed("read", error))? else {
            return Ok(None);
        };
        let wrong = |source| RecordsError::File { path: self.path().join(name), source };
        parse(&json).map(Some).map_err(wrong)
    }

    /// Says that the container is to end and not to start again.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub fn ask_to_stop(&self) -> Result<(), RecordsError> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(&self.0, STOP, flags, Mode::RUSR | Mode::WUSR);
        Ok(made.map(drop).map_err(|error| self.0.failed("write to", error.into()))?)
    }

    /// Whether somebody said so.
    #[must_use]
    pub fn is_asked_to_stop(&self) -> bool {
        rustix::fs::statat(&self.0, STOP, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Removes a file that is there from before, if it is.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn clear(&self, name: &str) -> Result<(), RecordsError> {
        match unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.0.failed("remove a file in", error.into()).into()),
        }
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;

    fn id(name: &str) -> ContainerId {
        name.parse().unwrap()
    }

    #[test]
    fn what_is_kept_is_found_again_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::at(directory.path()).unwrap();
        assert!(records.find(&id("c")).unwrap().is_none());
        let folder = records.reserve(&id("c")).unwrap();
        let again = records.reserve(&id("c")).unwrap_err();
        assert!(matches!(again, RecordsError::Store(StoreError::Exists(_))), "{again}");
        assert!(folder.record().unwrap().is_none() && folder.condition().unwrap().is_none());
        let record = Record::new(&id("c"), "/r".into(), vec!["x".into()]);
        let condition = Condition::new(Identity { pid: 5, start_time: 6 });
        folder.write_record(&record).unwrap();
        folder.write_condition(&condition).unwrap();
        assert!(!folder.is_asked_to_stop());
        folder.ask_to_stop().unwrap();
        folder.ask_to_stop().unwrap();
        let found = records.find(&id("c")).unwrap().unwrap();
        assert_eq!(found.record().unwrap(), Some(record));
        assert_eq!(found.condition().unwrap(), Some(condition));
        assert!(found.is_asked_to_stop());
        let precious = folder.path().join("precious");
        std::fs::write(&precious, "").unwrap();
        assert!(records.remove(&folder).is_err() && precious.exists());
        std::fs::remove_file(precious).unwrap();
        records.remove(&folder).unwrap();
        assert!(records.names().unwrap().is_empty());
    }

    #[test]
    fn odd_files_are_errors_that_name_them() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::at(directory.path()).unwrap();
        let folder = records.reserve(&id("c")).unwrap();
        for (name, text) in [("record.json", "{}"), ("condition.json", "[]")] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        assert!(folder.record().unwrap_err().to_string().contains("c/record.json"));
        assert!(folder.condition().unwrap_err().to_string().contains("c/condition.json"));
        std::fs::remove_file(folder.path().join("record.json")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("record.json")).unwrap();
        assert!(folder.record().is_err());
    }
}
