//! New processes in new namespaces: clone3(2).

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::{io, process::Pid, thread::UnshareFlags};

/// What the child gets of its own.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// New namespaces.
    pub namespaces: UnshareFlags,
    /// A cgroup v2 directory that the child starts in.
    pub cgroup: Option<BorrowedFd<'a>>,
}

/// The proof that this process has one thread.
///
/// It has to be had before a foreign root is entered, whose /proc tells nothing of this process.
#[derive(Debug)]
pub struct SingleThreaded(std::marker::PhantomData<*const ()>);

impl SingleThreaded {
    /// Looks at this process; `None` if it has more threads.
    #[must_use]
    pub fn check() -> Option<Self> {
        // A directory has two links and one more a subdirectory: one a thread.
        let single = rustix::fs::stat("/proc/self/task").is_ok_and(|tasks| tasks.st_nlink == 3);
        single.then_some(Self(std::marker::PhantomData))
    }
}

/// The process that was made.
#[derive(Debug)]
pub struct Child {
    /// Its id in the caller's PID namespace.
    pub pid: Pid,
    /// A descriptor of it, free of reuse; it closes on execve.
    pub pidfd: OwnedFd,
}

/// Why no process was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloneError {
    /// Only one thread would go on in the child, while another may hold a lock.
    #[error("could not make a process from a program that has more than one thread")]
    Threads,
    /// The kernel refused.
    #[error("could not make a process in new namespaces")]
    Kernel(#[from] io::Errno),
}

/// Makes a process that runs `child` with a copy of this one's memory and exits with what it returns.
///
/// Signals go back to their default action in the child unless they are ignored here.
///
/// # Errors
/// When this process has several threads, or the kernel refuses: `EPERM` where user namespaces
/// are not allowed, `ENOSPC` at their limit, `EAGAIN` at the limit of tasks.
pub fn spawn(request: &Request<'_>, child: impl FnOnce() -> u8) -> Result<Child, CloneError> {
    let alone = SingleThreaded::check().ok_or(CloneError::Threads)?;
    make(request, false, &alone, child)
}

/// As [`spawn`], from a place where this process cannot be looked at any more.
///
/// # Errors
/// When the kernel refuses.
pub fn spawn_alone(
    request: &Request<'_>,
    alone: &SingleThreaded,
    child: impl FnOnce() -> u8,
) -> Result<Child, CloneError> {
    make(request, false, alone, child)
}

/// As [`spawn`], for a child that this process's parent gets as its own.
///
/// # Errors
/// When the kernel refuses.
pub fn spawn_sibling(
    request: &Request<'_>,
    alone: &SingleThreaded,
    child: impl FnOnce() -> u8,
) -> Result<Child, CloneError> {
    make(request, true, alone, child)
}

fn make(
    request: &Request<'_>,
    sibling: bool,
    _alone: &SingleThreaded,
    child: impl FnOnce() -> u8,
) -> Result<Child, CloneError> {
    let mut pidfd: libc::c_int = -1;
    let mut flags = u64::from(request.namespaces.bits());
    flags |= flag(libc::CLONE_PIDFD) | CLONE_CLEAR_SIGHAND;
    if sibling {
        flags |= flag(libc::CLONE_PARENT);
    }
    let mut cgroup = 0;
    if let Some(directory) = request.cgroup {
        flags |= CLONE_INTO_CGROUP;
        cgroup = u64::try_from(directory.as_raw_fd()).unwrap_or_default();
    }
    let arguments = libc::clone_args {
        flags,
        pidfd: (&raw mut pidfd) as u64,
        child_tid: 0,
        parent_tid: 0,
        // A sibling's is that of this process.
        exit_signal: if sibling { 0 } else { flag(libc::SIGCHLD) },
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup,
    };
    // SAFETY: without CLONE_VM and with no stack of its own the child goes on here on a copy of
    // all memory, like fork; this is the only thread, so no lock is held by one that is gone.
    // `arguments` and the `pidfd` it points to outlive the call.
    let result = unsafe {
        libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<libc::clone_args>())
    };
    match result {
        0 => crate::exec::exit(child()),
        pid if pid > 0 => {
            // SAFETY: the kernel has just stored a new descriptor there that nobody else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::Errno::OVERFLOW)?;
            Ok(Child { pid, pidfd })
        }
        _ => Err(last_error().into()),
    }
}

/// Not in libc for every target: the sign bit would not fit its `c_int`.
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

fn flag(value: libc::c_int) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

/// Leaves shared namespaces for new ones.
///
/// # Errors
/// When the kernel refuses.
pub fn unshare(namespaces: UnshareFlags) -> io::Result<()> {
    // SAFETY: CLONE_FILES and CLONE_FS, whose surprises make this call unsafe, are masked out.
    unsafe { rustix::thread::unshare_unsafe(namespaces - UnshareFlags::FILES - UnshareFlags::FS) }
}

pub(crate) fn last_error() -> io::Errno {
    io::Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(io::Errno::INVAL)
}
