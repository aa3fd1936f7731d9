use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use super::{Error, failed};

/// An advisory lock on a file, held until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock, which others may share.
    pub(super) fn shared(path: &Path) -> Result<Self, Error> {
        Self::wait(path, FlockOperation::LockShared)
    }

    /// Waits for the lock, alone.
    pub(super) fn exclusive(path: &Path) -> Result<Self, Error> {
        Self::wait(path, FlockOperation::LockExclusive)
    }

    /// The lock alone, or `None` if somebody has it.
    pub(super) fn try_exclusive(path: &Path) -> Result<Option<Self>, Error> {
        let file = open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(failed("lock", path)(errno.into())),
        }
    }

    fn wait(path: &Path, operation: FlockOperation) -> Result<Self, Error> {
        let file = open(path)?;
        loop {
            match flock(&file, operation) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("lock", path)(errno.into())),
            }
        }
    }
}

/// Locks work on a file that is open for reading, so that a read-only store can be used.
fn open(path: &Path) -> Result<File, Error> {
    match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(failed("make", path)),
        result => result.map_err(failed("open", path)),
    }
}
