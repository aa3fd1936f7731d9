//! Files that appear complete or not at all, and locks between processes.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Puts `bytes` at `path`, whole or not at all: written beside it, synced, renamed. Directories are
/// made where they are missing. Whoever has the old file open keeps it.
///
/// # Errors
/// If it cannot be written; what was there is then still there.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let directory = directory_of(path);
    fs::create_dir_all(directory)?;
    let mut name = path.as_os_str().to_owned();
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    name.push(format!(".{}.{unique}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    let written = write_synced(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| File::open(directory)?.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// The directory that a file is in.
fn directory_of(path: &Path) -> &Path {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    directory.unwrap_or(Path::new("."))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Waits until nobody else has the lock at `path`; it is given back when what is returned is dropped,
/// or the process ends in whatever way.
///
/// # Errors
/// If the file cannot be made or locked.
pub fn lock(path: &Path) -> io::Result<File> {
    fs::create_dir_all(directory_of(path))?;
    let file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
    file.lock()?;
    Ok(file)
}

/// The file at `path`, if it has at most `limit` bytes.
///
/// # Errors
/// If it cannot be read, or is larger.
pub fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other(format!("it is larger than {limit} bytes")));
    }
    Ok(bytes)
}
