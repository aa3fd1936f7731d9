//! The container's standard streams, or its terminal.

use std::{
    io::IoSliceMut,
    mem::MaybeUninit,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::net::UnixListener,
    },
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use cofferdam_runtime::record::{CONSOLE, Folder, log::Stream};
use rustix::{
    event::PollFlags,
    io::Errno,
    net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg},
    pipe::{PipeFlags, pipe_with},
    termios::{Winsize, tcsetwinsize},
};

use super::{by_descriptor, never_wait};

/// Most bytes of input that wait until the container takes them.
const PENDING: usize = 64 * 1024;
/// How long a terminal that nobody has open is left alone.
const QUIET: Duration = Duration::from_millis(50);
/// Most pieces that are taken of what a container has left behind, each of up to [`PIECE`] bytes.
const LEFT_BEHIND: usize = 64;
const PIECE: usize = 32 * 1024;

/// The container's standard streams, or its terminal.
pub(super) struct Streams {
    outputs: Vec<(Stream, OwnedFd)>,
    input: Option<OwnedFd>,
    pending: Vec<u8>,
    /// Whether the input is to be closed when nothing waits for it any more.
    input_ends: bool,
    /// What the terminal comes by.
    console: Option<(UnixListener, OwnedFd)>,
    terminal: Option<OwnedFd>,
    quiet_until: Option<Instant>,
}

impl Streams {
    /// Streams for the container that `command` makes.
    pub(super) fn new(
        command: &mut Command,
        folder: &Folder,
        terminal: bool,
        interactive: bool,
    ) -> std::io::Result<Self> {
        let mut outputs = Vec::new();
        let mut pipe = |stream| -> std::io::Result<Stdio> {
            let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
            never_wait(&ours)?;
            outputs.push((stream, ours));
            Ok(theirs.into())
        };
        command.stderr(pipe(Stream::Error)?);
        let (mut input, mut console) = (None, None);
        command.stdin(Stdio::null());
        if terminal {
            command.stdout(Stdio::null());
            folder.clear(CONSOLE).map_err(std::io::Error::other)?;
            // Passed on, so that the path by way of it holds in the runtime too.
            let directory = rustix::io::dup(folder)?;
            let path = by_descriptor(&directory, CONSOLE);
            console = Some((UnixListener::bind(&path)?, directory));
            command.arg("--console-socket").arg(path);
        } else {
            command.stdout(pipe(Stream::Output)?);
            if interactive {
                let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
                never_wait(&ours)?;
                input = Some(ours);
                command.stdin(Stdio::from(theirs));
            }
        }
        let pending = Vec::new();
        let (input_ends, terminal, quiet_until) = (false, None, None);
        Ok(Self { outputs, input, pending, input_ends, console, terminal, quiet_until })
    }

    /// Takes the terminal that the runtime has handed over, if there is to be one.
    pub(super) fn take_terminal(&mut self, folder: &Folder) -> std::io::Result<()> {
        let Some((listener, _)) = self.console.take() else { return Ok(()) };
        // The runtime has connected before it ended.
        listener.set_nonblocking(true)?;
        let (stream, _) = listener.accept()?;
        let mut bytes = [0; 64];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        recvmsg(&stream, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags)?;
        let terminal = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut rights) => rights.next(),
            _ => None,
        });
        let terminal = terminal.ok_or_else(|| std::io::Error::other("no terminal came along"))?;
        never_wait(&terminal)?;
        self.outputs.push((Stream::Output, terminal.try_clone()?));
        self.input = Some(terminal.try_clone()?);
        self.terminal = Some(terminal);
        folder.clear(CONSOLE).map_err(std::io::Error::other)
    }

    /// What to wait for, output only if it is wanted, and until when at most.
    pub(super) fn watched(
        &self,
        output: bool,
    ) -> (Vec<(BorrowedFd<'_>, PollFlags)>, Option<Instant>) {
        let quiet = self.quiet_until.filter(|until| *until > Instant::now());
        let mut watched = Vec::new();
        for (stream, descriptor) in &self.outputs {
            if output && (quiet.is_none() || *stream == Stream::Error) {
                watched.push((descriptor.as_fd(), PollFlags::IN));
            }
        }
        if let Some(input) = self.input.as_ref().filter(|_| !self.pending.is_empty()) {
            watched.push((input.as_fd(), PollFlags::OUT));
        }
        (watched, quiet)
    }

    /// What the container has written, if it has.
    pub(super) fn read(&mut self) -> Vec<(Stream, Vec<u8>)> {
        let mut found = Vec::new();
        let mut ended = Vec::new();
        for (index, (stream, output)) in self.outputs.iter().enumerate() {
            let mut bytes = vec![0; PIECE];
            match rustix::io::read(output, &mut bytes) {
                Ok(0) => ended.push(index),
                Ok(length) => {
                    bytes.truncate(length);
                    found.push((*stream, bytes));
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                // Nobody has the terminal open just now; the container may open it again.
                Err(Errno::IO) if self.terminal.is_some() => {
                    self.quiet_until = Some(Instant::now() + QUIET);
                }
                Err(_) => ended.push(index),
            }
        }
        for index in ended.into_iter().rev() {
            self.outputs.remove(index);
        }
        found
    }

    /// What a container that has ended has left behind. Bounded, as something else may still write.
    pub(super) fn rest(&mut self) -> Vec<(Stream, Vec<u8>)> {
        let mut all = Vec::new();
        for _ in 0..LEFT_BEHIND {
            let found = self.read();
            if found.is_empty() {
                break;
            }
            all.extend(found);
        }
        all
    }

    /// Whether there is room for input.
    pub(super) fn has_room(&self) -> bool {
        self.pending.len() < PENDING
    }

    /// Takes input for the container; what has none does not get any.
    pub(super) fn input(&mut self, bytes: &[u8]) {
        if self.input.is_some() && !self.input_ends {
            self.pending.extend_from_slice(bytes);
        }
    }

    /// No more input is to come. A terminal outlives those who look at it.
    pub(super) fn end_input(&mut self) {
        self.input_ends |= self.terminal.is_none();
    }

    /// Passes input on, as much as is taken at once.
    pub(super) fn write(&mut self) {
        let Some(input) = &self.input else { return };
        while !self.pending.is_empty() {
            match rustix::io::write(input, &self.pending) {
                Ok(length) => drop(self.pending.drain(..length)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => {
                    // Nobody reads it any more.
                    self.pending.clear();
                    self.input_ends |= self.terminal.is_none();
                }
            }
        }
        if self.input_ends {
            self.input = None;
        }
    }

    /// Gives the container's terminal a size.
    pub(super) fn resize(&self, rows: u16, columns: u16) {
        if let Some(terminal) = &self.terminal {
            let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
            // A size is a service, no promise.
            let _ = tcsetwinsize(terminal, size);
        }
    }
}
