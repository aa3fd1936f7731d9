//! The directory of all containers, and the one of each.

use std::{
    io::{Read, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::DirBuilderExt,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{
        AtFlags, FileType, FlockOperation, Mode, OFlags, flock, fstat, fsync, mkdirat, openat,
        renameat, unlinkat,
    },
    io::Errno,
};

use super::{State, StateError};
use crate::id::ContainerId;

const STATE: &str = "state.json";
const NEW_STATE: &str = "state.json.new";
/// Largest state file that is read, in bytes: twice the largest configuration.
const LIMIT: u64 = 16 * 1024 * 1024;
/// How long another command is waited for, in steps of [`STEP`].
const PATIENCE: u32 = 1000;
const STEP: Duration = Duration::from_millis(10);
/// All that this program puts into a container's directory; whatever else is there stays.
const FILES: [&str; 4] = [STATE, NEW_STATE, crate::gate::START, crate::gate::STATUS];

/// The directory of all containers.
#[derive(Debug)]
pub struct Store {
    directory: OwnedFd,
    path: PathBuf,
}

/// The directory of one container.
#[derive(Debug)]
pub struct Place {
    directory: OwnedFd,
    path: PathBuf,
    id: ContainerId,
}

/// Why what is kept of a container could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or directory could not be used.
    #[error("could not {action} '{}'", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The state file is not one.
    #[error("could not use the state file '{}'", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: StateError,
    },
    /// A container of this name is there.
    #[error("could not make container '{0}': a container of this name exists")]
    Exists(ContainerId),
    /// Another command has been at work on the container all the time.
    #[error("could not have container '{0}' alone: another command works on it")]
    Busy(ContainerId),
}

/// Where containers are kept unless it is said: below /run for root, else in the user's own
/// runtime directory or, without one, in a directory of the user's for temporary files.
#[must_use]
pub fn default_directory() -> PathBuf {
    let user = rustix::process::geteuid();
    if user.is_root() {
        return PathBuf::from("/run/cofferdam/containers");
    }
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|path| Path::new(path).is_dir()) {
        Some(path) => PathBuf::from(path).join("cofferdam/containers"),
        None => std::env::temp_dir().join(format!("cofferdam-{}/containers", user.as_raw())),
    }
}

/// Whoever owns the directory above can put another one in its place.
fn check_parent(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = rustix::fs::stat(parent.unwrap_or(Path::new(".")))?;
    if parent.st_uid != rustix::process::geteuid().as_raw() && parent.st_uid != 0 {
        return Err(std::io::Error::other("the directory above belongs to another user"));
    }
    Ok(())
}

impl Store {
    /// Opens the directory, which is made if it is missing.
    ///
    /// # Errors
    /// When it cannot be made or used, or others than its user may write to it.
    pub fn open_or_make(path: &Path) -> Result<Self, StoreError> {
        let failed =
            |source| StoreError::Io { action: "make the directory", path: path.into(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        Self::open(path)
    }

    /// Opens the directory.
    ///
    /// # Errors
    /// When it is not there, or others than its user may write to it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source: std::io::Error| StoreError::Io {
            action: "use the directory of containers",
            path: path.into(),
            source,
        };
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        check_parent(path).map_err(failed)?;
        let directory =
            rustix::fs::open(path, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
        let found = fstat(&directory).map_err(|error| failed(error.into()))?;
        let user = rustix::process::geteuid();
        if found.st_uid != user.as_raw() && found.st_uid != 0 {
            return Err(failed(std::io::Error::other("it belongs to another user")));
        }
        // With the sticky bit others cannot replace what is not theirs.
        if found.st_mode & 0o002 != 0 && found.st_mode & 0o1000 == 0 {
            return Err(failed(std::io::Error::other("everybody may write to it")));
        }
        Ok(Self { directory, path: path.into() })
    }

    /// Names of the containers, in order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn ids(&self) -> Result<Vec<ContainerId>, StoreError> {
        let failed = |source| StoreError::Io { action: "read", path: self.path.clone(), source };
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok())
                && is_directory
            {
                ids.push(id);
            }
        }
        ids.sort();
        Ok(ids)
    }

    /// Makes the directory of a new container.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when one of this name is there.
    pub fn reserve(&self, id: &ContainerId) -> Result<Place, StoreError> {
        match mkdirat(&self.directory, id.as_str(), Mode::RWXU) {
            Err(Errno::EXIST) => return Err(StoreError::Exists(id.clone())),
            Err(error) => return Err(self.failed("make the directory", id, error.into())),
            Ok(()) => {}
        }
        let missing = || self.failed("use the directory", id, std::io::ErrorKind::NotFound.into());
        self.find(id)?.ok_or_else(missing)
    }

    /// The directory of a container; `None` when there is no such container.
    ///
    /// # Errors
    /// When it is not a directory of this user's alone.
    pub fn find(&self, id: &ContainerId) -> Result<Option<Place>, StoreError> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = match openat(&self.directory, id.as_str(), flags, Mode::empty()) {
            Ok(directory) => directory,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.failed("use the directory", id, error.into())),
        };
        let failed = |why| self.failed("use the directory", id, why);
        let found = fstat(&directory).map_err(|error| failed(error.into()))?;
        if found.st_uid != rustix::process::geteuid().as_raw() || found.st_mode & 0o022 != 0 {
            return Err(failed(std::io::Error::other("it is not this user's alone")));
        }
        Ok(Some(Place { directory, path: self.path.join(id.as_str()), id: id.clone() }))
    }

    fn failed(&self, action: &'static str, id: &ContainerId, source: std::io::Error) -> StoreError {
        StoreError::Io { action, path: self.path.join(id.as_str()), source }
    }

    /// Removes a container's directory with all that this program put there.
    ///
    /// # Errors
    /// When something else is in it.
    pub fn remove(&self, place: &Place) -> Result<(), StoreError> {
        self.remove_files(place, &FILES)
    }

    /// Removes a directory with these files in it.
    pub(crate) fn remove_files(&self, place: &Place, files: &[&str]) -> Result<(), StoreError> {
        for name in files.iter().copied() {
            match unlinkat(&place.directory, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(place.failed("remove", error.into())),
            }
        }
        match unlinkat(&self.directory, place.id.as_str(), AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(place.failed("remove", error.into())),
        }
    }
}

impl Place {
    /// The container's name.
    #[must_use]
    pub const fn id(&self) -> &ContainerId {
        &self.id
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until no other command has the container, and keeps others from it while the
    /// returned lock exists.
    ///
    /// # Errors
    /// [`StoreError::Busy`] after ten seconds.
    pub fn lock(&self) -> Result<OwnedFd, StoreError> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        // Opened anew: the lock is gone when this descriptor is.
        let lock = openat(&self.directory, ".", flags, Mode::empty())
            .map_err(|error| self.failed("lock", error.into()))?;
        for _ in 0..PATIENCE {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(lock),
                Err(Errno::WOULDBLOCK | Errno::INTR) => std::thread::sleep(STEP),
                Err(error) => return Err(self.failed("lock", error.into())),
            }
        }
        Err(StoreError::Busy(self.id.clone()))
    }

    /// Replaces the state: a reader sees the old one or the new one, whatever happens meanwhile.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, state: &State) -> Result<(), StoreError> {
        self.write_state(state, true).map_err(|error| self.failed("write the state into", error))
    }

    /// As [`write`](Self::write), for a state that is of no use any more when this machine has
    /// stopped: it need not have reached the disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_for_now(&self, state: &State) -> Result<(), StoreError> {
        self.write_state(state, false).map_err(|error| self.failed("write the state into", error))
    }

    fn write_state(&self, state: &State, lasting: bool) -> std::io::Result<()> {
        self.replace((STATE, NEW_STATE), &serde_json::to_vec(state)?, lasting)
    }

    /// Writes a file as a whole under its second name, then gives it its first.
    pub(crate) fn replace(
        &self,
        (name, new): (&str, &str),
        bytes: &[u8],
        lasting: bool,
    ) -> std::io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW;
        let file = openat(&self.directory, new, flags | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)?;
        let mut file = std::fs::File::from(file);
        file.write_all(bytes)?;
        if lasting {
            fsync(&file)?;
        }
        Ok(renameat(&self.directory, new, &self.directory, name)?)
    }

    /// The state; `None` when the container was never made that far.
    ///
    /// # Errors
    /// When it cannot be read or is not a state.
    pub fn read(&self) -> Result<Option<State>, StoreError> {
        let failed = |error| self.failed("read the state in", error);
        let Some(json) = self.bytes(STATE, LIMIT).map_err(failed)? else { return Ok(None) };
        match State::parse(&json, &self.id) {
            Ok(state) => Ok(Some(state)),
            Err(source) => Err(StoreError::State { path: self.path.join(STATE), source }),
        }
    }

    /// The content of a regular file of bounded size; `None` when it is not there.
    pub(crate) fn bytes(&self, name: &str, limit: u64) -> std::io::Result<Option<Vec<u8>>> {
        // A pipe in its place must not keep us waiting.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(&self.directory, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(std::io::Error::other(format!("{name} is not a regular file")));
        }
        let mut bytes = Vec::new();
        std::fs::File::from(file).take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(std::io::Error::other(format!("{name} is larger than {limit} bytes")));
        }
        Ok(Some(bytes))
    }

    pub(crate) fn failed(&self, action: &'static str, source: std::io::Error) -> StoreError {
        StoreError::Io { action, path: self.path.clone(), source }
    }
}

impl AsFd for Place {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn id(name: &str) -> ContainerId {
        name.parse().unwrap()
    }

    fn state(name: &str) -> State {
        let spec = cofferdam_oci::runtime::Spec::parse(br#"{"ociVersion": "1.2.0"}"#).unwrap();
        let state = State::new(&id(name), "/b".into(), "/b/rootfs".into(), spec);
        State { created: "2026-01-01T00:00:00.000000000Z".into(), ..state }
    }

    #[test]
    fn a_container_is_kept_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open_or_make(&directory.path().join("a/b")).unwrap();
        assert!(store.find(&id("c")).unwrap().is_none());
        let place = store.reserve(&id("c")).unwrap();
        assert!(matches!(store.reserve(&id("c")), Err(StoreError::Exists(_))));
        assert!(place.read().unwrap().is_none());
        place.write(&state("c")).unwrap();
        assert_eq!(store.find(&id("c")).unwrap().unwrap().read().unwrap(), Some(state("c")));
        assert_eq!(store.ids().unwrap(), [id("c")]);
        let file = place.path().join(STATE);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        // What is not this program's stays.
        let foreign = place.path().join("precious");
        std::fs::write(&foreign, "").unwrap();
        assert!(store.remove(&place).is_err() && foreign.exists());
        std::fs::remove_file(foreign).unwrap();
        store.remove(&place).unwrap();
        assert!(store.ids().unwrap().is_empty());
    }

    #[test]
    fn what_others_may_have_put_there_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let store = Store::open(root).unwrap();
        symlink("/etc", root.join("link")).unwrap();
        std::fs::write(root.join("file"), "").unwrap();
        std::fs::create_dir(root.join("open")).unwrap();
        std::fs::set_permissions(root.join("open"), PermissionsExt::from_mode(0o777)).unwrap();
        for name in ["link", "file", "open"] {
            let error = store.find(&id(name)).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        std::fs::set_permissions(root, PermissionsExt::from_mode(0o777)).unwrap();
        assert!(Store::open(root).is_err());
        std::fs::set_permissions(root, PermissionsExt::from_mode(0o1777)).unwrap();
        assert!(Store::open(root).is_ok());
    }

    #[test]
    fn odd_files_in_place_of_the_state_are_errors_that_name_it() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let place = store.reserve(&id("c")).unwrap();
        let file = place.path().join(STATE);
        std::fs::create_dir(&file).unwrap();
        assert!(place.read().is_err());
        std::fs::remove_dir(&file).unwrap();
        symlink("/etc/passwd", &file).unwrap();
        assert!(place.read().is_err());
        std::fs::remove_file(&file).unwrap();
        rustix::fs::mknodat(&place, STATE, FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert!(place.read().unwrap_err().to_string().contains("c'"));
        std::fs::remove_file(&file).unwrap();
        for text in ["", "{}", "[]", "\0", "{\"version\":", "null"] {
            std::fs::write(&file, text).unwrap();
            assert!(matches!(place.read(), Err(StoreError::State { .. })), "{text:?}");
        }
    }

    #[test]
    fn a_lock_keeps_others_out_until_it_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let place = store.reserve(&id("c")).unwrap();
        let lock = place.lock().unwrap();
        let waiting = std::thread::spawn({
            let place = store.find(&id("c")).unwrap().unwrap();
            move || place.lock().map(drop)
        });
        std::thread::sleep(STEP * 3);
        assert!(!waiting.is_finished());
        drop(lock);
        waiting.join().unwrap().unwrap();
    }
}
