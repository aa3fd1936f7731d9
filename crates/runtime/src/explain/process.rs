//! Reading the files of one process.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, openat, readlinkat};

use super::Seen;

/// More than any of these files has on a machine in its senses.
const MAXIMUM_BYTES: u64 = 8 << 20;

/// `/proc/PID`, held open: the kernel answers for that process or not at all.
pub(super) struct ProcessDirectory(OwnedFd);

impl ProcessDirectory {
    pub(super) fn open(pid: u32) -> io::Result<Self> {
        Self::open_path(&format!("/proc/{pid}"))
    }

    pub(super) fn open_own() -> io::Result<Self> {
        Self::open_path("/proc/thread-self")
    }

    fn open_path(path: &str) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    pub(super) fn read(&self, name: &str) -> io::Result<String> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        read_bounded(File::from(openat(&self.0, name, flags, Mode::empty())?))
    }

    pub(super) fn read_as<T>(&self, name: &str, parse: impl FnOnce(&str) -> T) -> Seen<T> {
        match self.read(name) {
            Ok(text) => Seen::Known(parse(&text)),
            Err(error) => Seen::Unknown(format!("{name}: {error}")),
        }
    }

    pub(super) fn link(&self, name: &str) -> io::Result<String> {
        let target = readlinkat(&self.0, name, Vec::new())?;
        Ok(target.to_string_lossy().into_owned())
    }
}

pub(super) fn read_file(path: &str) -> Seen<String> {
    match File::open(path).and_then(read_bounded) {
        Ok(text) => Seen::Known(text),
        Err(error) => Seen::Unknown(format!("{path}: {error}")),
    }
}

/// The kernel escapes what names could do to these files' lines, but not in every file does it
/// keep to UTF-8.
fn read_bounded(file: File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(MAXIMUM_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
