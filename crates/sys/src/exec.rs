//! Replacing this process by another program.

use std::{
    ffi::{CStr, CString},
    os::fd::RawFd,
};

use rustix::io;

use crate::clone::last_error;

/// Runs the program at `path` in place of this one; returns only on failure.
#[must_use]
pub fn execve(path: &CStr, arguments: &[CString], environment: &[CString]) -> io::Errno {
    let arguments = pointers(arguments);
    let environment = pointers(environment);
    // SAFETY: `path` is a C string; both arrays end with a null pointer and hold pointers to C
    // strings that outlive the call.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    last_error()
}

/// Runs the program that `file` stands for in place of this one; returns only on failure.
#[must_use]
pub fn execve_file(
    file: impl std::os::fd::AsFd,
    arguments: &[CString],
    environment: &[CString],
) -> io::Errno {
    use std::os::fd::AsRawFd;
    let arguments = pointers(arguments);
    let environment = pointers(environment);
    // SAFETY: the path is an empty C string; both arrays end with a null pointer and hold
    // pointers to C strings that outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            file.as_fd().as_raw_fd(),
            c"".as_ptr(),
            arguments.as_ptr(),
            environment.as_ptr(),
            libc::AT_EMPTY_PATH,
        )
    };
    last_error()
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Marks every descriptor from `first` on to be closed by execve (close_range(2)).
///
/// # Errors
/// `ENOSYS` before Linux 5.9, `EINVAL` before 5.11.
pub fn close_on_exec_from(first: RawFd) -> io::Result<()> {
    let first = u32::try_from(first).map_err(|_| io::Errno::BADF)?;
    // SAFETY: with CLOSE_RANGE_CLOEXEC no descriptor is closed here, so no owner is deceived.
    let result =
        unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// Puts `descriptor` at the standard places 0, 1 and 2.
///
/// # Errors
/// When the kernel refuses.
pub fn become_standard_streams(descriptor: &impl std::os::fd::AsFd) -> io::Result<()> {
    rustix::stdio::dup2_stdin(descriptor)?;
    rustix::stdio::dup2_stdout(descriptor)?;
    rustix::stdio::dup2_stderr(descriptor)
}

/// Ends this process at once, without running destructors.
pub fn exit(code: u8) -> ! {
    // SAFETY: _exit runs nothing of this process any more.
    unsafe { libc::_exit(libc::c_int::from(code)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_an_error() {
        assert_eq!(execve(c"/does/not/exist", &[], &[]), io::Errno::NOENT);
    }
}
