//! The content-addressed store: images that were pulled or imported, and their unpacked roots.
//!
//! The directory is an OCI image layout (image-layout.md), so that other tools can read it too:
//! `blobs/sha256/<hex>`, and `index.json` that maps names (`org.opencontainers.image.ref.name`) to
//! manifests. Beside it are `roots/<hex of the manifest>/rootfs`, unpacked, and `tmp/`.
//!
//! What holds at every moment, also after a crash or on a full disk: a blob that is there is whole,
//! an image that is named has all its blobs, a root that is there is complete. New content is
//! written to `tmp/`, verified, synced, and renamed into place; names come last.
//!
//! Locks, each a `flock` that ends with its process: who adds content shares `lock`; who deletes
//! needs it alone, and everything in `tmp/` is then left over from a crash. `index.lock` guards the
//! exchange of `index.json`. A root in use is locked itself.

mod blob;
mod build;
mod collect;
mod decode;
mod directory;
mod export;
mod import;
mod index;
mod lock;
mod root;
pub(crate) mod tar_writer;
#[cfg(test)]
mod tests;

use std::{
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use cofferdam_oci::Digest;

pub use build::{Compression, Recipe};
pub use collect::Removal;
pub use export::{Format, export};
pub use index::Stored;
pub use root::Root;

use lock::Lock;

/// A store of images in a directory that belongs to the caller.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
}

/// Why the store cannot do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("could not {action} '{}'", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another user could change what is in the directory.
    #[error(
        "could not use store '{}': it belongs to user {owner}, and you are user {user}",
        path.display()
    )]
    Owner {
        /// The store.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// The caller.
        user: u32,
    },
    /// The index is not an OCI image index.
    #[error("could not understand the index of the store, '{}'", path.display())]
    Index {
        /// The file.
        path: PathBuf,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// No image has this name or digest.
    #[error("could not find image '{0}' in the store")]
    Unknown(String),
    /// The beginning of a digest that several images have.
    #[error("could not find image '{text}' in the store: {count} digests begin like this")]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// How many images match.
        count: usize,
    },
    /// A name with a digest was given to an image that has another one.
    #[error("could not name image '{manifest}' as '{name}': the name has another digest")]
    OtherDigest {
        /// The name.
        name: String,
        /// The image's digest.
        manifest: Digest,
    },
    /// There is something where something new should be written.
    #[error("could not write '{}': it exists", .0.display())]
    Exists(PathBuf),
    /// The image cannot be read.
    #[error("could not {action} image '{name}'")]
    Image {
        /// What was tried.
        action: &'static str,
        /// The image.
        name: String,
        /// Why not.
        source: Box<crate::Error>,
    },
    /// What should become an image is no root file system.
    #[error("could not import '{}': {reason}", path.display())]
    NotARoot {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Store {
    /// Opens the store in `directory`, which is made (with mode 0700) if it is not there, and
    /// clears what crashed runs left behind.
    ///
    /// # Errors
    ///
    /// If it cannot be made or read, or belongs to somebody else.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let store = Self { directory: directory.to_owned() };
        for part in ["", "blobs/sha256", "roots", "tmp"] {
            make_directory(&directory.join(part))?;
        }
        let metadata = directory.metadata().map_err(failed("examine", directory))?;
        let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
        if owner != user {
            return Err(Error::Owner { path: directory.to_owned(), owner, user });
        }
        store.mark()?;
        if let Some(lock) = store.try_exclusive()? {
            store.clear_temporary(&lock)?;
        }
        Ok(store)
    }

    /// The directory of the store.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn path(&self, part: &str) -> PathBuf {
        self.directory.join(part)
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.directory.join("blobs/sha256").join(digest.hex())
    }

    /// Writes the file that makes the directory an OCI image layout.
    fn mark(&self) -> Result<(), Error> {
        let path = self.path("oci-layout");
        if path.exists() {
            return Ok(());
        }
        let mut temporary = self.temporary()?;
        temporary.write(LAYOUT.as_bytes())?;
        temporary.persist(&path)
    }

    /// Waits until nobody deletes; content that is added under this lock is not collected.
    fn share(&self) -> Result<Lock, Error> {
        Lock::shared(&self.path("lock"))
    }

    /// The lock for deleting, unless content is being added or deleted just now.
    fn try_exclusive(&self) -> Result<Option<Lock>, Error> {
        Lock::try_exclusive(&self.path("lock"))
    }
}

/// Content of `oci-layout` (image-layout.md).
const LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

fn make_directory(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(failed("make directory", path))
}

/// For `map_err`.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}

fn unreadable(action: &'static str, name: &str) -> impl FnOnce(crate::Error) -> Error {
    let name = name.to_owned();
    move |source| Error::Image { action, name, source: Box::new(source) }
}
