//! The container's terminal: a pair from its own devpts, and this process's terminal in raw mode.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use cofferdam_sys::{
    channel::Channel,
    mount,
    root::{Links, Root},
};
use rustix::{
    fs::{Mode, OFlags, openat},
    io::Errno,
    pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt},
    termios::{
        OptionalActions, Termios, Winsize, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
    },
};

use super::message::Report;
use crate::{
    error::{Doing, Error},
    plan::Plan,
};

/// What statfs(2) says of devpts.
const DEVPTS_MAGIC: rustix::fs::FsWord = 0x1cd1;

/// In the child: makes the pair, hands the outer side to the parent and returns the inner one.
pub(super) fn open(plan: &Plan, root: &Root, channel: &Channel) -> Result<OwnedFd, Error> {
    let (outer, inner) = pair(plan, root)?;
    let console =
        root.file(Path::new("/dev/console"), Links::Refuse).doing("make", "/dev/console")?;
    let tree = mount::copy(&inner, false).doing("mount", "/dev/console")?;
    mount::attach(tree, console).doing("mount", "/dev/console")?;
    hand_over(&outer, channel)?;
    Ok(inner)
}

/// In a process that joins: as [`open`], and /dev/console stays the first process's.
pub(super) fn join(plan: &Plan, root: &Root, channel: &Channel) -> Result<OwnedFd, Error> {
    let (outer, inner) = pair(plan, root)?;
    hand_over(&outer, channel)?;
    Ok(inner)
}

fn hand_over(outer: &OwnedFd, channel: &Channel) -> Result<(), Error> {
    let report = Report::Terminal.encode();
    channel.send(&report, &[outer.as_fd()]).doing("talk to", "the parent")
}

/// The outer and the inner side.
fn pair(plan: &Plan, root: &Root) -> Result<(OwnedFd, OwnedFd), Error> {
    let doing = "make a terminal with";
    let path = Path::new("/dev/pts");
    let directory = root.directory(path, Links::Refuse).doing(doing, path.display())?;
    // A running container decides what is there.
    let found = rustix::fs::fstatfs(&directory).doing(doing, path.display())?;
    if found.f_type != DEVPTS_MAGIC {
        let why = std::io::Error::other("no file system of type devpts is mounted there");
        return Err(why).doing(doing, path.display());
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let outer = openat(&directory, "ptmx", flags, Mode::empty()).doing(doing, "/dev/pts/ptmx")?;
    unlockpt(&outer).doing(doing, "/dev/pts/ptmx")?;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let inner = ioctl_tiocgptpeer(&outer, flags).doing(doing, "/dev/pts/ptmx")?;
    if let Some(size) = plan.process.terminal.as_ref().and_then(Option::as_ref) {
        let size = Winsize { ws_row: size.height, ws_col: size.width, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&outer, size).doing("resize", "the terminal")?;
    }
    let user = rustix::fs::Uid::from_raw(plan.process.user);
    rustix::fs::fchown(&inner, Some(user), None).doing("give to its user", "the terminal")?;
    Ok((outer, inner))
}

/// In the parent: the outer side, joined to this process's own terminal.
#[derive(Debug)]
pub(super) struct Terminal {
    outer: OwnedFd,
    before: Option<Termios>,
    /// Bytes from standard input that the container has not taken yet.
    pending: Vec<u8>,
    /// Whether standard input may still bring something.
    pub(super) input_open: bool,
}

impl Terminal {
    pub(super) fn new(outer: OwnedFd) -> Self {
        let stdin = rustix::stdio::stdin();
        let before = isatty(stdin).then(|| tcgetattr(stdin).ok()).flatten();
        if let Some(before) = &before {
            let mut raw = before.clone();
            raw.make_raw();
            // A terminal that stays as it is echoes twice, which is no reason to fail.
            let _ = tcsetattr(stdin, OptionalActions::Now, &raw);
        }
        let terminal = Self { outer, before, pending: Vec::new(), input_open: true };
        terminal.resize();
        terminal
    }

    /// Gives the container's terminal the size of this one.
    pub(super) fn resize(&self) {
        if let Ok(size) = tcgetwinsize(rustix::stdio::stdin()) {
            let _ = tcsetwinsize(&self.outer, size);
        }
    }

    /// Takes input for the container, if it has taken what came before.
    pub(super) fn read_input(&mut self) {
        if !self.pending.is_empty() {
            return;
        }
        let mut buffer = [0; 4096];
        match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
            Ok(0) => {
                self.input_open = false;
                // What a terminal makes of the end of input: Ctrl-D.
                self.pending.push(0x04);
            }
            Ok(length) => self.pending.extend_from_slice(&buffer[..length]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => self.input_open = false,
        }
    }

    /// Whether input waits for the container.
    pub(super) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Passes input on, as much as is taken at once.
    pub(super) fn write_pending(&mut self) {
        match rustix::io::write(&self.outer, &self.pending) {
            Ok(length) => drop(self.pending.drain(..length)),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => self.pending.clear(),
        }
    }

    /// Passes output on; false at its end.
    pub(super) fn copy_output(&self) -> bool {
        let mut buffer = [0; 16 * 1024];
        match rustix::io::read(&self.outer, &mut buffer) {
            Ok(0) => false,
            Ok(length) => write_all(&buffer[..length]),
            Err(Errno::INTR | Errno::AGAIN) => true,
            // EIO: no process has the inner side open any more.
            Err(_) => false,
        }
    }
}

fn write_all(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                use rustix::event::{PollFd, PollFlags, poll};
                let stdout = rustix::stdio::stdout();
                let _ = poll(&mut [PollFd::new(&stdout, PollFlags::OUT)], None);
            }
            Err(_) => return false,
        }
    }
    true
}

impl AsFd for Terminal {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.outer.as_fd()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before);
        }
    }
}
