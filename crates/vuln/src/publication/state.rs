//! What a follower remembers of publications, so that it is never led back.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use cofferdam_image::download::Version;
use serde::{Deserialize, Serialize};

use super::PublicKey;
use crate::place::{read_bounded, replace};

/// Bytes that the file may have.
const LARGEST: u64 = 1 << 20;

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// 1.
    pub schema_version: u32,
    /// The publication that was followed last.
    pub location: String,
    /// The keys that were trusted for it, as text.
    pub trusted: Vec<String>,
    /// What the server called the version of its document.
    #[serde(default)]
    pub version: Version,
    /// By id of the key that had signed it, the newest document that was seen.
    #[serde(default)]
    pub seen: BTreeMap<String, Seen>,
}

/// The newest document of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its counter.
    pub counter: u64,
    /// Digest of its payload: two documents with one counter would be two truths.
    pub sha256: String,
}

/// Why what is remembered cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be read or written.
    #[error("could not {action} '{}'", path.display())]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is damaged. Going on without it could lead back to what is known to be outdated.
    #[error("could not understand '{}'", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl State {
    /// Where it is kept, below a data directory.
    pub fn path_in(data_directory: &Path) -> PathBuf {
        data_directory.join("db").join("publication.json")
    }

    /// What is remembered; nothing if no publication was followed yet.
    ///
    /// # Errors
    /// If the file is there and cannot be used.
    pub fn read(data_directory: &Path) -> Result<Self, StateError> {
        let path = Self::path_in(data_directory);
        match read_bounded(&path, LARGEST) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|source| StateError::Syntax { path, source })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(StateError::File { action: "read", path, source }),
        }
    }

    /// Remembers this.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, data_directory: &Path) -> Result<(), StateError> {
        let path = Self::path_in(data_directory);
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|source| StateError::Syntax { path: path.clone(), source })?;
        replace(&path, &bytes).map_err(|source| StateError::File { action: "write", path, source })
    }

    /// The keys that were trusted for `location` last time.
    pub fn keys_for(&self, location: &str) -> Vec<PublicKey> {
        if self.location != location {
            return Vec::new();
        }
        self.trusted.iter().filter_map(|key| key.parse().ok()).collect()
    }
}
