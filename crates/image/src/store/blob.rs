use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use cofferdam_oci::{Digest, image::Descriptor};
use sha2::{Digest as _, Sha256};

use super::{Error, Store, failed};
use crate::{Blobs, Progress};

/// A file in `tmp/`, gone when dropped unless it was renamed into place.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    pub(super) file: File,
}

impl Temporary {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(failed("write", &self.path))
    }

    /// Syncs the file and renames it to `path`, over what is there.
    pub(super) fn persist(self, path: &Path) -> Result<(), Error> {
        self.file.sync_all().map_err(failed("write", path))?;
        fs::rename(&self.path, path).map_err(failed("write", path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After `persist` there is none; otherwise the next run clears it.
        let _ = fs::remove_file(&self.path);
    }
}

/// A name in `tmp/` that no other process or thread uses.
pub(super) fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanoseconds = now.map_or(0, |elapsed| elapsed.as_nanos());
    format!("{}-{nanoseconds}-{count}", std::process::id())
}

/// Makes the names of directories and files in `directory` survive a power cut.
pub(super) fn sync_directory(directory: &Path) -> Result<(), Error> {
    let file = File::open(directory).map_err(failed("open", directory))?;
    file.sync_all().map_err(failed("sync", directory))
}

impl Store {
    pub(super) fn temporary_path(&self) -> PathBuf {
        self.path("tmp").join(unique())
    }

    pub(super) fn temporary(&self) -> Result<Temporary, Error> {
        let path = self.temporary_path();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed("make", &path))?;
        Ok(Temporary { path, file })
    }

    /// Stores what `open` gives as the blob that `descriptor` names, unless it is there already and
    /// whole. Stops early when `stop` is set.
    pub(super) fn put(
        &self,
        descriptor: &Descriptor,
        open: impl FnOnce() -> Result<Box<dyn Read + Send>, crate::Error>,
        stop: &AtomicBool,
        progress: &dyn Progress,
    ) -> Result<(), crate::Error> {
        let path = self.blob_path(&descriptor.digest);
        if holds(&path, descriptor) {
            progress.advance(descriptor.size);
            return Ok(());
        }
        let mut temporary = self.temporary().map_err(stored(&path))?;
        let mut reader = open()?;
        copy_verified(&mut *reader, &mut temporary.file, descriptor, stop, progress)?;
        temporary.persist(&path).map_err(stored(&path))
    }
}

/// A failure of the store on the way of a blob.
fn stored(path: &Path) -> impl FnOnce(Error) -> crate::Error {
    let object = path.display().to_string();
    move |error| crate::Error::Other { action: "store", object, source: Box::new(error) }
}

/// Whether the file is there and has the content that it should have. One that was damaged is
/// fetched again.
fn holds(path: &Path, descriptor: &Descriptor) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    file.metadata().is_ok_and(|metadata| metadata.len() == descriptor.size)
        && copy_verified(&mut file, &mut io::sink(), descriptor, &AtomicBool::new(false), &())
            .is_ok()
}

/// Copies exactly the content that `descriptor` names.
///
/// # Errors
///
/// If it is longer, shorter or other content, or cannot be read or written.
pub(super) fn copy_verified(
    reader: &mut dyn Read,
    writer: &mut dyn Write,
    descriptor: &Descriptor,
    stop: &AtomicBool,
    progress: &dyn Progress,
) -> Result<(), crate::Error> {
    let name = || descriptor.digest.to_string();
    let mut hash = Sha256::new();
    let mut total: u64 = 0;
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(crate::Error::io("read blob", name())(error)),
        };
        total += count as u64;
        if total > descriptor.size || (count == 0 && total < descriptor.size) {
            return Err(crate::Error::Size {
                what: "blob",
                digest: descriptor.digest,
                expected: descriptor.size,
                actual: total,
            });
        }
        if count == 0 {
            break;
        }
        if stop.load(Ordering::Relaxed) {
            let stopped = io::Error::other("stopped because another blob failed");
            return Err(crate::Error::io("read blob", name())(stopped));
        }
        hash.update(&buffer[..count]);
        writer.write_all(&buffer[..count]).map_err(crate::Error::io("write blob", name()))?;
        progress.advance(count as u64);
    }
    let actual = Digest::from_bytes(hash.finalize().into());
    if actual != descriptor.digest {
        return Err(crate::Error::Digest { what: "blob", expected: descriptor.digest, actual });
    }
    Ok(())
}

/// The blobs of the store, to read an image from.
#[derive(Debug)]
pub(super) struct StoredBlobs(pub(super) Store);

impl Blobs for StoredBlobs {
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, crate::Error> {
        let path = self.0.blob_path(&descriptor.digest);
        match File::open(&path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let place = self.0.directory.display().to_string();
                Err(crate::Error::MissingBlob { digest: descriptor.digest, place })
            }
            Err(error) => Err(crate::Error::io("open", path.display().to_string())(error)),
        }
    }
}
