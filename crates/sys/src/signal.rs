//! Signals as data: masks and signalfd(2).

use std::{
    mem::MaybeUninit,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
};

use rustix::{io, process::Signal};

use crate::clone::last_error;

/// A set of signals.
#[derive(Clone, Copy)]
pub struct Set(libc::sigset_t);

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Set").finish_non_exhaustive()
    }
}

impl Set {
    /// Every signal but those that a fault of this process raises.
    #[must_use]
    pub fn all_but_faults() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigfillset initialises the set that it is given.
        unsafe { libc::sigfillset(set.as_mut_ptr()) };
        // SAFETY: it has just been initialised.
        let mut set = unsafe { set.assume_init() };
        for fault in [
            libc::SIGSEGV,
            libc::SIGBUS,
            libc::SIGILL,
            libc::SIGFPE,
            libc::SIGABRT,
            libc::SIGSYS,
            libc::SIGTRAP,
        ] {
            // SAFETY: `set` is initialised and the number is a signal's.
            unsafe { libc::sigdelset(&raw mut set, fault) };
        }
        Self(set)
    }

    /// No signal.
    #[must_use]
    pub fn none() -> Self {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigemptyset initialises the set that it is given.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: it has just been initialised.
        Self(unsafe { set.assume_init() })
    }

    /// Blocks these signals; returns what was blocked before.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn block(&self) -> io::Result<Self> {
        let mut before = MaybeUninit::uninit();
        // SAFETY: both point to sets; the kernel fills the second.
        let result =
            unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const self.0, before.as_mut_ptr()) };
        if result != 0 {
            return Err(last_error());
        }
        // SAFETY: the call succeeded and has thus filled it.
        Ok(Self(unsafe { before.assume_init() }))
    }

    /// Makes these the blocked signals.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn set_as_mask(&self) -> io::Result<()> {
        // SAFETY: the first points to a set; null asks for no answer.
        let result = unsafe {
            libc::sigprocmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut())
        };
        if result == 0 { Ok(()) } else { Err(last_error()) }
    }
}

/// Lets the program that `command` starts begin with these signals blocked and no others: else it
/// inherits what this process blocks.
pub fn begin_with(command: &mut std::process::Command, mask: Set) {
    use std::os::unix::process::CommandExt;
    let set = move || mask.set_as_mask().map_err(std::io::Error::from);
    // SAFETY: between fork and execve only sigprocmask is called, which may be (signal-safety(7)).
    unsafe { command.pre_exec(set) };
}

/// Gives SIGPIPE its default action back, which Rust's start-up takes away.
///
/// An ignored signal stays ignored over execve, and programs do not expect that of this one.
pub fn restore_pipe() {
    // SAFETY: no handler is installed, so no code runs in signal context.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}

/// Sends a signal by number, real-time ones too, to the process that `pidfd` stands for; 0 sends
/// none and only asks whether it could be sent.
///
/// # Errors
/// `ESRCH` when the process has ended, `EINVAL` when there is no such signal.
pub fn send(pidfd: impl std::os::fd::AsFd, number: i32) -> io::Result<()> {
    // SAFETY: null asks for an ordinary record of the signal; nothing else is pointed to.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_fd().as_raw_fd(),
            number,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// The number of a signal's name, with or without `SIG`, in any case; also `RTMIN+3`, `RTMAX-1`
/// and numbers themselves.
#[must_use]
pub fn number(text: &str) -> Option<i32> {
    let (first, last) = (libc::SIGRTMIN(), libc::SIGRTMAX());
    if let Ok(number) = text.parse::<i32>() {
        return (0..=last).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Some(*number);
    }
    let offset = |rest: &str, sign: char| {
        if rest.is_empty() { Some(0) } else { rest.strip_prefix(sign)?.parse::<i32>().ok() }
    };
    let found = match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(rest), _) => first.checked_add(offset(rest, '+')?)?,
        (_, Some(rest)) => last.checked_sub(offset(rest, '-')?)?,
        _ => return None,
    };
    (first..=last).contains(&found).then_some(found)
}

/// Names of signals (signal(7)), without `SIG`.
const NAMES: [(&str, i32); 35] = [
    ("ABRT", libc::SIGABRT),
    ("ALRM", libc::SIGALRM),
    ("BUS", libc::SIGBUS),
    ("CHLD", libc::SIGCHLD),
    ("CLD", libc::SIGCHLD),
    ("CONT", libc::SIGCONT),
    ("FPE", libc::SIGFPE),
    ("HUP", libc::SIGHUP),
    ("ILL", libc::SIGILL),
    ("INT", libc::SIGINT),
    ("IO", libc::SIGIO),
    ("IOT", libc::SIGABRT),
    ("KILL", libc::SIGKILL),
    ("PIPE", libc::SIGPIPE),
    ("POLL", libc::SIGIO),
    ("PROF", libc::SIGPROF),
    ("PWR", libc::SIGPWR),
    ("QUIT", libc::SIGQUIT),
    ("SEGV", libc::SIGSEGV),
    ("STKFLT", libc::SIGSTKFLT),
    ("STOP", libc::SIGSTOP),
    ("SYS", libc::SIGSYS),
    ("TERM", libc::SIGTERM),
    ("TRAP", libc::SIGTRAP),
    ("TSTP", libc::SIGTSTP),
    ("TTIN", libc::SIGTTIN),
    ("TTOU", libc::SIGTTOU),
    ("UNUSED", libc::SIGSYS),
    ("URG", libc::SIGURG),
    ("USR1", libc::SIGUSR1),
    ("USR2", libc::SIGUSR2),
    ("VTALRM", libc::SIGVTALRM),
    ("WINCH", libc::SIGWINCH),
    ("XCPU", libc::SIGXCPU),
    ("XFSZ", libc::SIGXFSZ),
];

/// Signals that arrive as records of a descriptor (signalfd(2)).
#[derive(Debug)]
pub struct Queue(OwnedFd);

/// A signal that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// Which.
    pub signal: Signal,
    /// Process that sent it; 0 for the kernel, such as for Ctrl-C at a terminal.
    pub sender: u32,
}

impl Queue {
    /// A queue of these signals, which have to be blocked. It does not block and closes on execve.
    ///
    /// # Errors
    /// When no descriptors are left.
    pub fn new(signals: &Set) -> io::Result<Self> {
        // SAFETY: -1 asks for a new descriptor; the set outlives the call.
        let descriptor = unsafe {
            libc::signalfd(-1, &raw const signals.0, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if descriptor < 0 {
            return Err(last_error());
        }
        // SAFETY: the kernel has just made it and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// The next signal, if one is there.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn next(&self) -> io::Result<Option<Arrived>> {
        let mut record = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer has the size given.
        let length = unsafe { libc::read(self.0.as_raw_fd(), record.as_mut_ptr().cast(), size) };
        match usize::try_from(length) {
            Ok(length) if length == size => {
                // SAFETY: the kernel has filled the whole record.
                let record = unsafe { record.assume_init() };
                let number = i32::try_from(record.ssi_signo).unwrap_or_default();
                let signal = Signal::from_named_raw(number);
                Ok(signal.map(|signal| Arrived { signal, sender: record.ssi_pid }))
            }
            Ok(_) => Ok(None),
            Err(_) => match last_error() {
                io::Errno::AGAIN | io::Errno::INTR => Ok(None),
                error => Err(error),
            },
        }
    }
}

impl std::os::fd::AsFd for Queue {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_known_by_name_and_number() {
        for (text, wanted) in [
            ("9", Some(9)),
            ("0", Some(0)),
            ("SIGKILL", Some(9)),
            ("kill", Some(9)),
            ("Term", Some(15)),
            ("SIGRTMIN+3", Some(libc::SIGRTMIN() + 3)),
            ("RTMAX", Some(libc::SIGRTMAX())),
            ("RTMAX-1", Some(libc::SIGRTMAX() - 1)),
            ("RTMAX+1", None),
            ("RTMIN+99", None),
            ("-9", None),
            ("65", None),
            ("SIG", None),
            ("", None),
            ("NONSENSE", None),
        ] {
            assert_eq!(number(text), wanted, "{text}");
        }
    }
}
