//! Those who have joined the container.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::{UnixListener, UnixStream},
    },
    time::{Duration, Instant},
};

use cofferdam_runtime::record::{
    attach::{Frame, Frames, LONGEST},
    log::Stream,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Most of them at a time.
const MOST: usize = 64;
/// So many bytes wait to be read by one of them that the container has to wait too.
const BEHIND: usize = 256 * 1024;
/// Who has read nothing for so long has to come again: nobody stops the container for good.
const STALLED: Duration = Duration::from_secs(10);
/// How long they may take to read the last of it.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Those who have joined the container.
pub(super) struct Clients {
    listener: UnixListener,
    all: Vec<Client>,
}

struct Client {
    stream: UnixStream,
    frames: Frames,
    /// What it has not read yet.
    waiting: Vec<u8>,
    /// When it last read something, or had nothing to read.
    moved: Instant,
    /// Whether it wants output; `None` until it has said.
    output: Option<bool>,
    gone: bool,
}

impl Clients {
    pub(super) const fn new(listener: UnixListener) -> Self {
        Self { listener, all: Vec::new() }
    }

    /// What to wait for; input only if there is room for it.
    pub(super) fn watched(&self, input: bool) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let mut watched = vec![(self.listener.as_fd(), PollFlags::IN)];
        for client in &self.all {
            let read = if input { PollFlags::IN } else { PollFlags::empty() };
            let write = if client.waiting.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
            // One that is gone would be told of again and again.
            if !(read | write).is_empty() {
                watched.push((client.stream.as_fd(), read | write));
            }
        }
        watched
    }

    /// Takes new ones, passes on what waits, and gives what they say, if there is room for it.
    pub(super) fn serve(&mut self, input: bool) -> Vec<Frame> {
        while let Ok((stream, _)) = self.listener.accept() {
            if self.all.len() < MOST && stream.set_nonblocking(true).is_ok() {
                self.all.push(Client {
                    stream,
                    frames: Frames::default(),
                    waiting: Vec::new(),
                    moved: Instant::now(),
                    output: None,
                    gone: false,
                });
            }
        }
        let mut said = Vec::new();
        for client in &mut self.all {
            client.write();
            if input {
                said.extend(client.read());
            }
            client.gone |= client.stalls_at().is_some_and(|time| time <= Instant::now());
        }
        self.all.retain(|client| !client.gone);
        said
    }

    /// Until when the container has to wait, at most, for one of them to read what it has written.
    pub(super) fn behind(&self) -> Option<Instant> {
        let behind = self.all.iter().filter(|client| client.waiting.len() > BEHIND);
        behind.filter_map(Client::stalls_at).max()
    }

    /// Passes the container's output on.
    pub(super) fn tell(&mut self, stream: Stream, bytes: &[u8]) {
        for client in self.all.iter_mut().filter(|client| client.output == Some(true)) {
            for piece in bytes.chunks(LONGEST) {
                client.send(&Frame::Output(stream, piece.to_vec()));
            }
        }
        self.all.retain(|client| !client.gone);
    }

    /// Tells of the end, and gives everybody some time to read that.
    pub(super) fn end(&mut self, code: u8) {
        // Whoever has come in the last moment, and what they have said.
        self.serve(true);
        for client in &mut self.all {
            client.send(&Frame::Ended(code));
        }
        let deadline = Instant::now() + LAST_WORDS;
        loop {
            self.all.retain(|client| !client.gone && !client.waiting.is_empty());
            let left = deadline.saturating_duration_since(Instant::now());
            if self.all.is_empty() || left.is_zero() {
                return;
            }
            let watched = self.all.iter().map(|c| PollFd::new(&c.stream, PollFlags::OUT));
            let mut watched: Vec<_> = watched.collect();
            let _ = poll(&mut watched, Timespec::try_from(left).ok().as_ref());
            drop(watched);
            for client in &mut self.all {
                client.write();
            }
        }
    }
}

impl Client {
    /// What it says; nothing counts before it has said what it wants.
    fn read(&mut self) -> Vec<Frame> {
        let mut bytes = [0; 16 * 1024];
        let length = match self.stream.read(&mut bytes) {
            Ok(length) if length > 0 => length,
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return Vec::new();
            }
            _ => {
                self.gone = true;
                return Vec::new();
            }
        };
        let Ok(frames) = self.frames.take(&bytes[..length]) else {
            self.gone = true;
            return Vec::new();
        };
        let mut said = Vec::new();
        for frame in frames {
            match (frame, self.output) {
                (Frame::Hello { output }, None) => self.output = Some(output),
                (frame @ (Frame::Input(_) | Frame::InputEnd | Frame::Size { .. }), Some(true)) => {
                    said.push(frame);
                }
                _ => self.gone = true,
            }
        }
        said
    }

    fn send(&mut self, frame: &Frame) {
        // What it has not read counts from now on.
        self.write();
        self.waiting.extend(frame.encode());
        self.write();
    }

    /// When it will have read nothing for too long.
    fn stalls_at(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then(|| self.moved + STALLED)
    }

    fn write(&mut self) {
        if self.waiting.is_empty() {
            self.moved = Instant::now();
        }
        while !self.waiting.is_empty() {
            match self.stream.write(&self.waiting) {
                Ok(length) if length > 0 => {
                    self.waiting.drain(..length);
                    self.moved = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                _ => {
                    self.gone = true;
                    return;
                }
            }
        }
    }
}
