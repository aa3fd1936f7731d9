//! A connection to a container's monitor.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

use cofferdam_runtime::record::{
    SOCKET,
    attach::{Frame, Frames},
};
use rustix::event::PollFlags;

use crate::{
    containers::{Found, monitor::by_descriptor},
    error::{CliError, OrFail as _},
};

/// A connection to a container's monitor.
pub(crate) struct Joined {
    stream: UnixStream,
    frames: Frames,
    pending: Vec<u8>,
}

impl Joined {
    /// Joins a container, to its output too or only for word of its end; `None` if nobody listens.
    pub(crate) fn join(found: &Found, output: bool) -> Result<Option<Self>, CliError> {
        let attempt = || format!("could not join '{}'", found.id());
        // The path by way of the descriptor is short enough for a socket.
        let stream = match UnixStream::connect(by_descriptor(&found.folder, SOCKET)) {
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
            {
                return Ok(None);
            }
            stream => stream.or_fail(attempt)?,
        };
        stream.set_nonblocking(true).or_fail(attempt)?;
        let mut joined = Self { stream, frames: Frames::default(), pending: Vec::new() };
        joined.send(&Frame::Hello { output });
        Ok(Some(joined))
    }

    /// Waits for word of the end; `None` if the monitor ends without.
    pub(crate) fn wait(mut self) -> Result<Option<u8>, CliError> {
        let attempt = || "could not wait for the container's end".to_owned();
        loop {
            use rustix::event::{PollFd, poll};
            match poll(&mut [PollFd::new(&self, self.events())], None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(std::io::Error::from(error)).or_fail(attempt),
            }
            self.write();
            let (frames, open) = self.read();
            let code = frames.into_iter().find_map(|frame| match frame {
                Frame::Ended(code) => Some(code),
                _ => None,
            });
            if code.is_some() || !open {
                return Ok(code);
            }
        }
    }

    /// What to wait for.
    pub(crate) fn events(&self) -> PollFlags {
        if self.has_pending() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }
    }

    /// Whether something waits to be sent.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub(crate) fn send(&mut self, frame: &Frame) {
        self.pending.extend(frame.encode());
        self.write();
    }

    /// Sends what waits, as much as is taken at once.
    pub(crate) fn write(&mut self) {
        while !self.pending.is_empty() {
            match self.stream.write(&self.pending) {
                Ok(length) if length > 0 => drop(self.pending.drain(..length)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // What is left is read all the same.
                _ => self.pending.clear(),
            }
        }
    }

    /// What has been said, and whether more may come.
    pub(crate) fn read(&mut self) -> (Vec<Frame>, bool) {
        let mut bytes = [0; 64 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(length) if length > 0 => match self.frames.take(&bytes[..length]) {
                Ok(frames) => (frames, true),
                Err(_) => (Vec::new(), false),
            },
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                (Vec::new(), true)
            }
            _ => (Vec::new(), false),
        }
    }
}

impl AsFd for Joined {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
