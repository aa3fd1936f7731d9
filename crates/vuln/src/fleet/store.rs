//! Where the index is kept: one file, replaced as a whole.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{Fleet, MAX_FILE, format::FormatError};
use crate::{
    database::DatabaseError,
    place::{lock, read_bounded, replace},
};

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The file cannot be read.
    #[error("could not read fleet index '{}'", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no index, or a damaged one.
    #[error("could not use fleet index '{}'", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        source: FormatError,
    },
    /// It cannot be written.
    #[error("could not write fleet index '{}'", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The advisory database is damaged.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The index of a data directory, for changing it: whoever holds this is alone from reading to
/// writing. Readers need no lock ([`read`]): the file that they opened stays as it is.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    _lock: File,
}

/// Where the index of a data directory is.
pub fn path_in(data_directory: &Path) -> PathBuf {
    data_directory.join("fleet").join("index.cfl")
}

/// The index of a data directory; an empty one if there is none yet.
///
/// # Errors
/// If the file cannot be read, is no index, or damaged.
pub fn read(data_directory: &Path) -> Result<Fleet, FleetError> {
    load(&path_in(data_directory))
}

fn load(path: &Path) -> Result<Fleet, FleetError> {
    match read_bounded(path, MAX_FILE) {
        Ok(bytes) => Fleet::decode(&bytes)
            .map_err(|source| FleetError::Format { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Fleet::default()),
        Err(source) => Err(FleetError::Read { path: path.to_owned(), source }),
    }
}

impl Store {
    /// Waits until nobody else is changing the index.
    ///
    /// # Errors
    /// If it cannot be locked.
    pub fn lock(data_directory: &Path) -> Result<Self, FleetError> {
        let path = path_in(data_directory);
        let locked = lock(&path.with_file_name("lock"));
        let lock = locked.map_err(|source| FleetError::Write { path: path.clone(), source })?;
        Ok(Self { path, _lock: lock })
    }

    /// What is kept; an empty index if there is none yet.
    ///
    /// # Errors
    /// As [`read`].
    pub fn load(&self) -> Result<Fleet, FleetError> {
        load(&self.path)
    }

    /// Keeps `fleet` in place of what was kept, in one step.
    ///
    /// # Errors
    /// If it cannot be written, or would be too large to be read.
    pub fn save(&self, fleet: Fleet) -> Result<(), FleetError> {
        let bytes = fleet.compacted().encode();
        let failed = |source| FleetError::Write { path: self.path.clone(), source };
        if bytes.len() as u64 > MAX_FILE {
            return Err(failed(io::Error::other(format!("it has more than {MAX_FILE} bytes"))));
        }
        replace(&self.path, &bytes).map_err(failed)
    }
}
