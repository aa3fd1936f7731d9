//! Puts a filter in force for the calling thread.
#![expect(unsafe_code, reason = "seccomp(2) has no safe wrapper")]

use std::io;
use std::ops::BitOr;
use std::os::fd::{FromRawFd, OwnedFd};

use super::{Action, Instruction, Program};

// The kernel reads an `Instruction` as `struct sock_filter`.
const _: () = assert!(size_of::<Instruction>() == size_of::<libc::sock_filter>());
const _: () = assert!(align_of::<Instruction>() >= align_of::<libc::sock_filter>());

/// How a filter is installed (`SECCOMP_FILTER_FLAG_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(libc::c_ulong);

impl Flags {
    /// Only the calling thread, and what it starts.
    pub const NONE: Self = Self(0);
    /// Every thread of the process.
    pub const ALL_THREADS: Self = Self(1);
    /// Every action but allow is logged, as far as `kernel.seccomp.actions_logged` says.
    pub const LOG: Self = Self(2);
    /// The mitigation of speculative store bypass is not switched on: faster, less safe.
    pub const ALLOW_SPECULATION: Self = Self(4);
    /// While a listener decides, only fatal signals interrupt the call.
    pub const WAIT_KILLABLE: Self = Self(32);
    const NEW_LISTENER: Self = Self(8);
    /// With both a listener and all threads, the failure of a thread is told by ESRCH.
    const ALL_THREADS_ESRCH: Self = Self(16);
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Puts the filter in force, for good, for the calling thread and what it will start.
///
/// Neither allocates nor locks, so it may run between fork and exec.
///
/// # Errors
/// EACCES when the thread has neither `no_new_privs` nor `CAP_SYS_ADMIN` in its user namespace,
/// EINVAL when the kernel does not know a flag or has no seccomp filters, ESRCH when with
/// [`Flags::ALL_THREADS`] some thread could not follow.
pub fn install(program: &Program, flags: Flags) -> io::Result<()> {
    match set_filter(program, flags)? {
        0 => Ok(()),
        // The number of the thread that could not follow.
        _ => Err(io::Error::from_raw_os_error(libc::ESRCH)),
    }
}

/// As [`install`], and answers the descriptor on which [`Action::Notify`] is decided.
///
/// # Errors
/// Those of [`install`], and EBUSY when a filter with a listener is in force already.
pub fn install_with_listener(program: &Program, flags: Flags) -> io::Result<OwnedFd> {
    let mut flags = flags | Flags::NEW_LISTENER;
    if flags.0 & Flags::ALL_THREADS.0 != 0 {
        flags = flags | Flags::ALL_THREADS_ESRCH;
    }
    let descriptor = set_filter(program, flags)?;
    // SAFETY: with NEW_LISTENER a success is a descriptor that the kernel has just opened for
    // this process, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn set_filter(program: &Program, flags: Flags) -> io::Result<i32> {
    let instructions = program.instructions();
    let argument = libc::sock_fprog {
        len: u16::try_from(instructions.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: instructions.as_ptr().cast_mut().cast(),
    };
    // SAFETY: the kernel only reads `len` instructions through the pointer, and `program` keeps
    // that many alive; their layout is that of `sock_filter`, as asserted above.
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags.0,
            &raw const argument,
        )
    };
    match i32::try_from(result) {
        Ok(result) if result >= 0 => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether the kernel knows the action; one that it does not know would kill the process.
///
/// # Errors
/// Whatever seccomp(2) says besides "not supported", such as ENOSYS before Linux 3.17.
pub fn is_action_available(action: Action) -> io::Result<bool> {
    let value = action.to_return_value() & 0xffff_0000;
    // SAFETY: the kernel only reads the 32 bits that the pointer leads to.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const value)
    };
    if result == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::EOPNOTSUPP) { Ok(false) } else { Err(error) }
}
