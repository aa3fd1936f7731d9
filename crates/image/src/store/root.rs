use std::{
    fs::{self, File},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock, syncfs},
    io::Errno,
};

use super::{Error, Store, blob::sync_directory, collect::remove_path, failed, unreadable};
use crate::{
    Image, Limits,
    unpack::{self, Bounds, Outcome, Policy},
};

/// An unpacked image. While this lives, in whatever process, the root is not deleted.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    held: File,
}

impl Root {
    /// The root directory. Read only by agreement: every container of the image shares it.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl std::os::fd::AsFd for Root {
    /// What holds the root: it is not deleted either while a copy of this descriptor is open, in
    /// whatever process.
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.held.as_fd()
    }
}

impl AsRef<Path> for Root {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Store {
    /// The root directory of the image, unpacked by [`Policy::standard`] if it is not yet there.
    /// It appears only when every digest has been verified.
    ///
    /// # Errors
    ///
    /// If the image cannot be read or unpacked; then nothing stays behind.
    pub fn unpack(&self, image: &Image) -> Result<Root, Error> {
        let _lock = self.share()?;
        let path = self.path("roots").join(image.manifest.hex());
        if let Some(root) = hold(&path)? {
            return Ok(root);
        }
        let temporary = self.temporary_path();
        make(&temporary)?;
        let complete = self.fill(image, &temporary).and_then(|()| put_in_place(&temporary, &path));
        if let Err(error) = complete {
            // The cause is told; what cannot be removed now is at the next start.
            let _ = remove_path(&temporary);
            return Err(error);
        }
        sync_directory(&self.path("roots"))?;
        hold(&path)?.ok_or_else(|| failed("open", &path)(std::io::ErrorKind::NotFound.into()))
    }

    fn fill(&self, image: &Image, temporary: &Path) -> Result<(), Error> {
        let rootfs = temporary.join(ROOTFS);
        make(&rootfs)?;
        unpack_into(image, &rootfs, Policy::standard()).map(|_| ())
    }

    /// Unpacks the image into `directory`, which must not exist yet.
    ///
    /// # Errors
    ///
    /// If it exists, or the image cannot be read or unpacked; then nothing stays behind.
    pub fn unpack_to(image: &Image, directory: &Path, policy: Policy) -> Result<Outcome, Error> {
        if directory.symlink_metadata().is_ok() {
            return Err(Error::Exists(directory.to_owned()));
        }
        let temporary = super::export::beside(directory)?;
        make(&temporary)?;
        let rootfs = temporary.join(ROOTFS);
        let complete = make(&rootfs)
            .and_then(|()| unpack_into(image, &rootfs, policy))
            .and_then(|outcome| move_root(&rootfs, directory).map(|()| outcome));
        let cleared = remove_path(&temporary);
        let outcome = complete?;
        cleared?;
        Ok(outcome)
    }
}

/// Within the directory of a root, which keeps the mode that the store needs.
const ROOTFS: &str = "rootfs";

fn make(directory: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().mode(0o700).create(directory).map_err(failed("make directory", directory))
}

fn unpack_into(image: &Image, rootfs: &Path, policy: Policy) -> Result<Outcome, Error> {
    let root = File::open(rootfs).map_err(failed("open", rootfs))?;
    let synced = root.try_clone().map_err(failed("open", rootfs))?;
    let outcome =
        unpack::unpack(image, OwnedFd::from(root), policy, Bounds::default(), &Limits::default())
            .map_err(unreadable("unpack", &image.name))?;
    // One call instead of an fsync for each of thousands of files.
    syncfs(&synced).map_err(|errno| failed("sync", rootfs)(errno.into()))?;
    Ok(outcome)
}

/// Renames the complete root, unless another process was faster: its root is as good.
fn put_in_place(temporary: &Path, path: &Path) -> Result<(), Error> {
    match fs::rename(temporary, path) {
        Ok(()) => Ok(()),
        Err(error)
            if matches!(Errno::from_io_error(&error), Some(Errno::NOTEMPTY | Errno::EXIST)) =>
        {
            remove_path(temporary)
        }
        Err(error) => Err(failed("make", path)(error)),
    }
}

/// Renames a root directory whose own mode may forbid it to anybody but root.
fn move_root(rootfs: &Path, directory: &Path) -> Result<(), Error> {
    let mode = fs::metadata(rootfs).map_err(failed("examine", rootfs))?.mode();
    let set = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(failed("set the mode of", path))
    };
    set(rootfs, mode | 0o700)?;
    fs::rename(rootfs, directory).map_err(failed("make", directory))?;
    set(directory, mode)
}

/// Holds the root if it is there.
fn hold(path: &Path) -> Result<Option<Root>, Error> {
    let held = match File::open(path) {
        Ok(held) => held,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", path)(error)),
    };
    flock(&held, FlockOperation::LockShared).map_err(|errno| failed("lock", path)(errno.into()))?;
    // Removed between opening and locking?
    let same = |metadata: fs::Metadata| {
        held.metadata()
            .is_ok_and(|ours| (ours.dev(), ours.ino()) == (metadata.dev(), metadata.ino()))
    };
    if !fs::metadata(path).is_ok_and(same) {
        return Ok(None);
    }
    Ok(Some(Root { path: path.join(ROOTFS), held }))
}
