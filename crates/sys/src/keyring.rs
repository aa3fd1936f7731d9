//! Kernel keyrings (keyrings(7)).

use std::ffi::CStr;

use rustix::io;

use crate::clone::last_error;

/// Gives this process a new, empty session keyring of this name.
///
/// # Errors
/// `ENOSYS` without keyrings, `EDQUOT` when the user has too many keys.
pub fn new_session(name: &CStr) -> io::Result<()> {
    // SAFETY: the kernel reads the C string, which outlives the call.
    let result = unsafe {
        libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, name.as_ptr())
    };
    if result >= 0 { Ok(()) } else { Err(last_error()) }
}
