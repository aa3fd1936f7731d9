//! Where a container waits between `create` and `start`.
//!
//! Two pipes in the container's directory: `start` brings the word to go, `status` takes back why
//! the program could not run. The container's process holds both from before it loses sight of
//! this machine; waiting takes only read(2), which no useful filter refuses. That `start` is there
//! is what makes a container a created one.

use std::os::fd::{AsFd, OwnedFd};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{AtFlags, FileType, Mode, OFlags, mknodat, openat, statat, unlinkat},
    io::Errno,
};

use crate::{
    apply::Report,
    error::{Doing, Error},
    state::Place,
};

pub(crate) const START: &str = "start";
pub(crate) const STATUS: &str = "status";
const GO: &[u8] = b"1";
/// Longest report of a failure, in bytes: what a pipe takes at once (PIPE_BUF).
const LONGEST: usize = 4096;

/// The container's ends of both pipes.
#[derive(Debug)]
pub struct Gate {
    start: OwnedFd,
    status: OwnedFd,
}

impl Gate {
    /// Makes the pipes.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn make(place: &Place) -> Result<Self, Error> {
        let doing = "make a pipe in";
        let path = place.path().display();
        let owner = Mode::RUSR | Mode::WUSR;
        let pipe = |name: &str| {
            mknodat(place, name, FileType::Fifo, owner, 0).doing(doing, &path)?;
            // Opened both ways, opening waits for nobody and reading never finds an end.
            let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            openat(place, name, flags, Mode::empty()).doing(doing, &path)
        };
        Ok(Self { status: pipe(STATUS)?, start: pipe(START)? })
    }

    /// Waits for the word to go.
    ///
    /// # Errors
    /// When the pipe cannot be read.
    pub fn wait(&self) -> Result<(), Error> {
        let mut byte = [0];
        loop {
            match rustix::io::read(&self.start, &mut byte) {
                Err(Errno::INTR) => {}
                result => return result.map(drop).doing("wait for", "the start"),
            }
        }
    }

    /// Tells `start` why the program does not run.
    pub(crate) fn report(&self, report: &Report) {
        let mut bytes = report.encode();
        bytes.truncate(LONGEST);
        // Whoever started the container may be gone.
        let _ = rustix::io::write(&self.status, &bytes);
    }
}

/// Whether the container waits to be started.
pub(crate) fn is_closed(place: &Place) -> bool {
    statat(place, START, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::Fifo)
}

/// Lets the container go and waits until its program runs.
///
/// # Errors
/// What its process reports when it does not.
pub(crate) fn open(place: &Place) -> Result<(), Error> {
    let path = place.path().display();
    let end = |name: &str, flags: OFlags| {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        openat(place, name, flags, Mode::empty()).doing("use the pipe in", &path)
    };
    let status = end(STATUS, OFlags::RDONLY)?;
    // Without a reader this fails at once: the container's process is gone.
    let start = end(START, OFlags::WRONLY)?;
    rustix::io::write(&start, GO).doing("start the container of", &path)?;
    let result = outcome(&status);
    for name in [START, STATUS] {
        match unlinkat(place, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error).doing("remove the pipe in", &path),
        }
    }
    result
}

/// What the process reports; nothing, if execve or its end closes the pipe.
fn outcome(status: &OwnedFd) -> Result<(), Error> {
    let mut bytes = vec![0; LONGEST];
    loop {
        let mut watched = [PollFd::new(status, PollFlags::IN)];
        match poll(&mut watched, None) {
            Err(Errno::INTR) => continue,
            result => result.map(drop).doing("wait for", "the container")?,
        }
        match rustix::io::read(status.as_fd(), &mut bytes) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                return match Report::decode(&bytes[..length]) {
                    Some(Report::Failed(code, chain)) => Err(Error::inside(chain, code)),
                    _ => Ok(()),
                };
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error).doing("hear from", "the container"),
        }
    }
}
