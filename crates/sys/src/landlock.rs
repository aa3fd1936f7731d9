//! Landlock (landlock(7)): a process gives up, for good, what it will not need of files, ports
//! and other processes.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use rustix::io;

use crate::clone::last_error;

/// Rights on files and directories by bit, with the version of the interface that brought them.
pub const FILE_RIGHTS: [(&str, u32); 16] = [
    ("execute", 1),
    ("write_file", 1),
    ("read_file", 1),
    ("read_dir", 1),
    ("remove_dir", 1),
    ("remove_file", 1),
    ("make_char", 1),
    ("make_dir", 1),
    ("make_reg", 1),
    ("make_sock", 1),
    ("make_fifo", 1),
    ("make_block", 1),
    ("make_sym", 1),
    ("refer", 2),
    ("truncate", 3),
    ("ioctl_dev", 5),
];
/// Rights on TCP ports.
pub const NETWORK_RIGHTS: [(&str, u32); 2] = [("bind_tcp", 4), ("connect_tcp", 4)];
/// What can be limited to processes of the same domain.
pub const SCOPES: [(&str, u32); 2] = [("abstract_unix_socket", 6), ("signal", 6)];

/// What a rule set is about (`struct landlock_ruleset_attr`). What is handled and not allowed by
/// a rule is refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Handled {
    /// Bits of [`FILE_RIGHTS`].
    pub files: u64,
    /// Bits of [`NETWORK_RIGHTS`].
    pub network: u64,
    /// Bits of [`SCOPES`].
    pub scopes: u64,
}

/// A rule set that is being made.
#[derive(Debug)]
pub struct Rules(OwnedFd);

/// The version of the interface that the kernel has.
///
/// # Errors
/// `ENOSYS` when the kernel has no Landlock, `EOPNOTSUPP` when it is off.
pub fn version() -> io::Result<u32> {
    const VERSION: u32 = 1;
    // SAFETY: with this flag the kernel reads nothing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<Handled>(),
            0usize,
            VERSION,
        )
    };
    u32::try_from(result).map_err(|_| last_error())
}

impl Rules {
    /// An empty set.
    ///
    /// # Errors
    /// Those of [`version`], `EINVAL` for a right that the kernel does not know.
    pub fn new(handled: &Handled) -> io::Result<Self> {
        // An older kernel takes a longer structure only if what it does not know is zero.
        // SAFETY: the kernel reads as many bytes as `Handled` has.
        let result = unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                std::ptr::from_ref(handled),
                size_of::<Handled>(),
                0,
            )
        };
        match i32::try_from(result) {
            // SAFETY: the kernel has just opened this descriptor, close-on-exec, for us.
            Ok(fd) if fd >= 0 => Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) })),
            _ => Err(last_error()),
        }
    }

    /// Allows rights on a directory and all below, or on a file.
    ///
    /// # Errors
    /// `EINVAL` for a right that is not handled, or is none of files when it is one.
    pub fn allow_beneath(&self, rights: u64, object: impl AsFd) -> io::Result<()> {
        #[repr(C, packed)]
        struct Beneath {
            rights: u64,
            object: i32,
        }
        const PATH_BENEATH: libc::c_int = 1;
        let rule = Beneath { rights, object: object.as_fd().as_raw_fd() };
        self.add(PATH_BENEATH, (&raw const rule).cast())
    }

    /// Allows rights on a TCP port.
    ///
    /// # Errors
    /// `EINVAL` for a right that is not handled.
    pub fn allow_port(&self, rights: u64, port: u16) -> io::Result<()> {
        #[repr(C)]
        struct Port {
            rights: u64,
            port: u64,
        }
        const NET_PORT: libc::c_int = 2;
        let rule = Port { rights, port: u64::from(port) };
        self.add(NET_PORT, (&raw const rule).cast())
    }

    fn add(&self, kind: libc::c_int, rule: *const libc::c_void) -> io::Result<()> {
        // SAFETY: `rule` leads to the structure that goes with `kind`; both callers keep it.
        let result = unsafe {
            libc::syscall(libc::SYS_landlock_add_rule, self.0.as_raw_fd(), kind, rule, 0)
        };
        if result == 0 { Ok(()) } else { Err(last_error()) }
    }

    /// Puts the set in force for the calling thread and what it starts, for good.
    ///
    /// # Errors
    /// `EPERM` without no_new_privs or `CAP_SYS_ADMIN`, `E2BIG` below 16 other sets.
    pub fn enforce(&self) -> io::Result<()> {
        // SAFETY: a descriptor and a number.
        let result =
            unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.0.as_raw_fd(), 0) };
        if result == 0 { Ok(()) } else { Err(last_error()) }
    }
}
