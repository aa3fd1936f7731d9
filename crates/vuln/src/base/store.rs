//! Where bases are kept: two files each, the chain of layers and the packages, so that looking for the
//! base of an image reads no packages.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Base;
use crate::{
    Inventory,
    place::{read_bounded, replace},
};

/// The version of the files.
const SCHEMA_VERSION: u32 = 1;
/// Bytes of the file of a chain.
const LARGEST_CHAIN: u64 = 256 << 10;
/// Bytes of the file of packages.
const LARGEST_PACKAGES: u64 = 64 << 20;
/// Bases that are read.
const MOST_BASES: usize = 100_000;
/// Endings of the two files.
const CHAIN: &str = ".base.json";
const PACKAGES: &str = ".packages.json";

/// Why bases cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// A file cannot be read or written.
    #[error("could not {action} '{}'", path.display())]
    File {
        /// `read`, `write`, `remove`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is damaged.
    #[error("could not understand '{}'", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A file is of another version.
    #[error("could not read '{}': it has version {found}, this program reads version {SCHEMA_VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    schema_version: u32,
    #[serde(flatten)]
    content: T,
}

/// The bases of a data directory.
#[derive(Debug)]
pub struct Bases {
    directory: PathBuf,
}

impl Bases {
    /// Those below a data directory, which is made when the first is added.
    pub fn of(data_directory: &Path) -> Self {
        Self { directory: data_directory.join("bases") }
    }

    /// All of them, in order of name and age; and the files that cannot be used, each with the reason.
    ///
    /// # Errors
    /// If the directory cannot be read. That it is not there is none.
    pub fn all(&self) -> Result<(Vec<Base>, Vec<BaseError>), BaseError> {
        let failed =
            |source| BaseError::File { action: "read", path: self.directory.clone(), source };
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
            entries => entries.map_err(failed)?,
        };
        let (mut bases, mut broken): (Vec<Base>, _) = (Vec::new(), Vec::new());
        for entry in entries.take(2 * MOST_BASES) {
            let path = entry.map_err(failed)?.path();
            if !path.as_os_str().to_string_lossy().ends_with(CHAIN) {
                continue;
            }
            match read(&path, LARGEST_CHAIN) {
                Ok(base) => bases.push(base),
                Err(error) => broken.push(error),
            }
        }
        bases.sort_by(|a, b| (&a.name, a.age(), &a.digest).cmp(&(&b.name, b.age(), &b.digest)));
        Ok((bases, broken))
    }

    /// Adds a base with its packages, in place of the same one under the same name.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&self, base: &Base, inventory: &Inventory) -> Result<(), BaseError> {
        let name = file_name(base);
        write(&self.directory.join(format!("{name}{PACKAGES}")), inventory)?;
        // The chain last: what is found has its packages.
        write(&self.directory.join(format!("{name}{CHAIN}")), base)
    }

    /// The packages of a base.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn packages(&self, base: &Base) -> Result<Inventory, BaseError> {
        read(&self.directory.join(format!("{}{PACKAGES}", file_name(base))), LARGEST_PACKAGES)
    }

    /// Removes a base.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self, base: &Base) -> Result<(), BaseError> {
        for ending in [CHAIN, PACKAGES] {
            let path = self.directory.join(format!("{}{ending}", file_name(base)));
            match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed.map_err(|source| BaseError::File {
                    action: "remove",
                    path: path.clone(),
                    source,
                })?,
            }
        }
        Ok(())
    }
}

/// By name, platform and layers: one that is added again replaces itself.
fn file_name(base: &Base) -> String {
    let mut hasher = Sha256::new();
    let layers = base.layers.iter().map(String::as_str);
    for text in [base.name.as_str(), base.platform.as_str()].into_iter().chain(layers) {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write<T: Serialize>(path: &Path, content: &T) -> Result<(), BaseError> {
    let versioned = Versioned { schema_version: SCHEMA_VERSION, content };
    let bytes = serde_json::to_vec(&versioned)
        .map_err(|source| BaseError::Syntax { path: path.to_owned(), source })?;
    replace(path, &bytes).map_err(|source| BaseError::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path, limit: u64) -> Result<T, BaseError> {
    let bytes = read_bounded(path, limit).map_err(|source| BaseError::File {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let versioned: Versioned<T> = serde_json::from_slice(&bytes)
        .map_err(|source| BaseError::Syntax { path: path.to_owned(), source })?;
    match versioned.schema_version {
        SCHEMA_VERSION => Ok(versioned.content),
        found => Err(BaseError::Version { path: path.to_owned(), found }),
    }
}
