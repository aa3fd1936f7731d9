//! The network namespace from inside.

use std::os::fd::AsRawFd;

use rustix::{
    io,
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
};

use crate::clone::last_error;

/// Sets the loopback interface of this network namespace up.
///
/// # Errors
/// When the kernel refuses.
pub fn loopback_up() -> io::Result<()> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: every field of `ifreq` is an integer or an array of them, for which zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(c"lo".to_bytes_with_nul()) {
        *place = libc::c_char::try_from(*byte).map_err(|_| io::Errno::INVAL)?;
    }
    let flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING);
    request.ifr_ifru.ifru_flags = flags.map_err(|_| io::Errno::OVERFLOW)?;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq`, which `request` is and outlives the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}
