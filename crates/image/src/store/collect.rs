use std::{
    collections::HashSet,
    ffi::CString,
    fs::{self, File},
    os::{fd::AsFd, unix::ffi::OsStrExt},
    path::Path,
};

use cofferdam_oci::{Digest, image::Manifest};
use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use super::{Error, Lock, Store, blob::StoredBlobs, failed, unreadable};
use crate::{
    Limits,
    manifest::{document, parse},
    unpack::remove_tree,
};

/// What removing an image did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// The names that are gone.
    pub names: Vec<String>,
    /// Blobs that no other image used, deleted.
    pub blobs: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// Unpacked roots deleted.
    pub roots: u64,
    /// Unpacked roots that are in use, and stay until an image is next removed.
    pub roots_in_use: u64,
    /// Nothing was deleted because another process is adding content; the next removal does it.
    pub deferred: bool,
}

impl Store {
    /// Removes the name, or all names of the digest, and then every blob and root that no name
    /// leads to any more.
    ///
    /// # Errors
    ///
    /// If there is no such image, several digests begin like this, or a file cannot be deleted.
    pub fn remove(&self, text: &str) -> Result<Removal, Error> {
        let found = self.matching(text)?;
        let Some(first) = found.first() else { return Err(Error::Unknown(text.to_owned())) };
        if found.iter().any(|stored| stored.manifest.digest != first.manifest.digest) {
            return Err(Error::Ambiguous { text: text.to_owned(), count: found.len() });
        }
        let names: Vec<String> = found.into_iter().map(|stored| stored.name).collect();
        self.change_index(|images| images.retain(|stored| !names.contains(&stored.name)))?;
        let removal = self.collect()?;
        Ok(Removal { names, ..removal })
    }

    /// Deletes every blob and root that no name leads to.
    ///
    /// # Errors
    ///
    /// If the manifest of a named image is damaged (what it needs is then unknown, and nothing is
    /// deleted), or a file cannot be deleted.
    pub fn collect(&self) -> Result<Removal, Error> {
        let Some(lock) = self.try_exclusive()? else {
            return Ok(Removal { deferred: true, ..Removal::default() });
        };
        self.clear_temporary(&lock)?;
        let mut removal = Removal::default();
        let mut images = HashSet::new();
        let mut needed = HashSet::new();
        for stored in self.list()? {
            images.insert(stored.manifest.digest.hex());
            needed.extend(self.needs(&stored)?.into_iter().map(|digest| digest.hex()));
        }
        self.collect_roots(&images, &mut removal)?;
        self.collect_blobs(&needed, &mut removal)?;
        Ok(removal)
    }

    /// The digests of all blobs of an image.
    fn needs(&self, stored: &super::Stored) -> Result<Vec<Digest>, Error> {
        let read = || {
            let blobs = StoredBlobs(self.clone());
            let bytes = document("manifest", &stored.manifest, &blobs, &Limits::default())?;
            parse::<Manifest>("manifest", &stored.manifest.digest.to_string(), &bytes)
        };
        let manifest = read().map_err(unreadable("read", &stored.name))?;
        let layers = manifest.layers.iter().map(|layer| layer.digest);
        Ok([stored.manifest.digest, manifest.config.digest].into_iter().chain(layers).collect())
    }

    fn collect_blobs(&self, needed: &HashSet<String>, removal: &mut Removal) -> Result<(), Error> {
        let directory = self.path("blobs/sha256");
        for entry in fs::read_dir(&directory).map_err(failed("list", &directory))? {
            let entry = entry.map_err(failed("list", &directory))?;
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| needed.contains(name)) {
                continue;
            }
            let path = entry.path();
            let size = entry.metadata().map_err(failed("examine", &path))?.len();
            fs::remove_file(&path).map_err(failed("delete", &path))?;
            removal.blobs += 1;
            removal.bytes += size;
        }
        Ok(())
    }

    fn collect_roots(&self, images: &HashSet<String>, removal: &mut Removal) -> Result<(), Error> {
        let directory = self.path("roots");
        for entry in fs::read_dir(&directory).map_err(failed("list", &directory))? {
            let entry = entry.map_err(failed("list", &directory))?;
            if entry.file_name().to_str().is_some_and(|name| images.contains(name)) {
                continue;
            }
            let path = entry.path();
            let root = File::open(&path).map_err(failed("open", &path))?;
            match flock(&root, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    removal.roots_in_use += 1;
                    continue;
                }
                Err(errno) => return Err(failed("lock", &path)(errno.into())),
            }
            // First out of the way, so that no half root is ever found under its name.
            let temporary = self.temporary_path();
            fs::rename(&path, &temporary).map_err(failed("delete", &path))?;
            remove_path(&temporary)?;
            removal.roots += 1;
        }
        Ok(())
    }

    /// Deletes what crashed runs left: nobody else is writing while `_alone` is held.
    pub(super) fn clear_temporary(&self, _alone: &Lock) -> Result<(), Error> {
        let directory = self.path("tmp");
        for entry in fs::read_dir(&directory).map_err(failed("list", &directory))? {
            let path = entry.map_err(failed("list", &directory))?.path();
            remove_path(&path)?;
        }
        Ok(())
    }
}

/// Removes a file or a whole directory, whatever modes it has.
pub(super) fn remove_path(path: &Path) -> Result<(), Error> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    let directory = File::open(parent).map_err(failed("open", parent))?;
    let name =
        CString::new(name.as_bytes()).map_err(|error| failed("delete", path)(error.into()))?;
    remove_tree(directory.as_fd(), &name).map_err(|errno| failed("delete", path)(errno.into()))
}
