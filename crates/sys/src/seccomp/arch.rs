//! The calling conventions that filters are made for, and the names of their calls.

use super::policy::X32;
use super::syscalls::{KERNEL, NONE, TABLE};

/// A calling convention: a processor architecture's native one, or one that it has besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// AMD64, native.
    X86_64,
    /// ARM64, native. Its 32-bit convention is not known here.
    Aarch64,
    /// i386, which programs on AMD64 may use besides.
    X86,
    /// x32, which programs on AMD64 may use besides: the same registers, other numbers.
    X32,
}

/// Calls of i386 that are parts of another call, by its number: `socketcall`, `ipc`.
const MULTIPLEXED: [(&str, u32, u32); 32] = [
    ("accept", SOCKETCALL, 5),
    ("accept4", SOCKETCALL, 18),
    ("bind", SOCKETCALL, 2),
    ("connect", SOCKETCALL, 3),
    ("getpeername", SOCKETCALL, 7),
    ("getsockname", SOCKETCALL, 6),
    ("getsockopt", SOCKETCALL, 15),
    ("listen", SOCKETCALL, 4),
    ("msgctl", IPC, 14),
    ("msgget", IPC, 13),
    ("msgrcv", IPC, 12),
    ("msgsnd", IPC, 11),
    ("recv", SOCKETCALL, 10),
    ("recvfrom", SOCKETCALL, 12),
    ("recvmmsg", SOCKETCALL, 19),
    ("recvmsg", SOCKETCALL, 17),
    ("semctl", IPC, 3),
    ("semget", IPC, 2),
    ("semop", IPC, 1),
    ("semtimedop", IPC, 4),
    ("send", SOCKETCALL, 9),
    ("sendmmsg", SOCKETCALL, 20),
    ("sendmsg", SOCKETCALL, 16),
    ("sendto", SOCKETCALL, 11),
    ("setsockopt", SOCKETCALL, 14),
    ("shmat", IPC, 21),
    ("shmctl", IPC, 24),
    ("shmdt", IPC, 22),
    ("shmget", IPC, 23),
    ("shutdown", SOCKETCALL, 13),
    ("socket", SOCKETCALL, 1),
    ("socketpair", SOCKETCALL, 8),
];
const SOCKETCALL: u32 = 102;
const IPC: u32 = 117;

impl Arch {
    /// What this program was built for; `None` on an architecture without a table of calls.
    #[must_use]
    pub const fn host() -> Option<Self> {
        if cfg!(target_arch = "x86_64") {
            Some(Self::X86_64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Self::Aarch64)
        } else {
            None
        }
    }

    /// The `AUDIT_ARCH_*` value by which the kernel tells a filter the convention of a call:
    /// the ELF machine number, marked as 64-bit and little-endian.
    #[must_use]
    pub const fn audit(self) -> u32 {
        const BITS_64: u32 = 0x8000_0000;
        const LITTLE_ENDIAN: u32 = 0x4000_0000;
        match self {
            Self::X86_64 | Self::X32 => BITS_64 | LITTLE_ENDIAN | 62,
            Self::Aarch64 => BITS_64 | LITTLE_ENDIAN | 183,
            Self::X86 => LITTLE_ENDIAN | 3,
        }
    }

    /// The numbers that calls of this convention have: the first, and the one after the last. The
    /// largest number, by which a tracer has a call skipped, is of none.
    #[must_use]
    pub const fn numbers(self) -> std::ops::Range<u32> {
        match self {
            Self::X86_64 => 0..X32,
            Self::X32 => X32..u32::MAX,
            Self::Aarch64 | Self::X86 => 0..u32::MAX,
        }
    }

    /// Conventions that a processor of this native one may have besides, as far as known here.
    #[must_use]
    pub const fn besides(self) -> &'static [Self] {
        match self {
            Self::X86_64 => &[Self::X86, Self::X32],
            Self::Aarch64 | Self::X86 | Self::X32 => &[],
        }
    }

    /// The call that this one is also a part of, and the value of that one's first argument: on
    /// i386 calls on sockets and of System V communication.
    #[must_use]
    pub fn multiplexed(self, name: &str) -> Option<(u32, u32)> {
        if self != Self::X86 {
            return None;
        }
        let found = MULTIPLEXED.binary_search_by(|(known, ..)| (*known).cmp(name)).ok()?;
        Some((MULTIPLEXED[found].1, MULTIPLEXED[found].2))
    }

    /// The number of the call `name`; `None` when this architecture has no such call, or the
    /// call is newer than [`Self::table_kernel`].
    #[must_use]
    pub fn number(self, name: &str) -> Option<u32> {
        let found = TABLE.binary_search_by(|(known, ..)| (*known).cmp(name)).ok()?;
        Some(self.column(&TABLE[found])).filter(|&number| number != NONE)
    }

    /// The name of the call `number`.
    #[must_use]
    pub fn name(self, number: u32) -> Option<&'static str> {
        TABLE.iter().find(|row| number != NONE && self.column(row) == number).map(|row| row.0)
    }

    /// Every call of this architecture, by name.
    pub fn syscalls(self) -> impl Iterator<Item = (&'static str, u32)> {
        TABLE.iter().map(move |row| (row.0, self.column(row))).filter(|row| row.1 != NONE)
    }

    /// The highest number in the table: what lies beyond was added to Linux later.
    #[must_use]
    pub fn newest(self) -> u32 {
        self.syscalls().map(|(_, number)| number).max().unwrap_or_default()
    }

    /// Whether some architecture has a call of this name: tells a misspelt name from one that
    /// merely does not exist here.
    #[must_use]
    pub fn is_known_anywhere(name: &str) -> bool {
        TABLE.binary_search_by(|(known, ..)| (*known).cmp(name)).is_ok()
            || MULTIPLEXED.binary_search_by(|(known, ..)| (*known).cmp(name)).is_ok()
    }

    /// The Linux version whose calls are known by name, as `7.2`.
    #[must_use]
    pub const fn table_kernel() -> &'static str {
        KERNEL
    }

    const fn column(self, row: &Row) -> u32 {
        match self {
            Self::X86_64 => row.1,
            Self::Aarch64 => row.2,
            Self::X86 => row.3,
            Self::X32 if row.4 == NONE => NONE,
            Self::X32 => X32 | row.4,
        }
    }
}

/// A row of the table of calls.
type Row = (&'static str, u32, u32, u32, u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_calls_are_ordered_by_name() {
        assert!(MULTIPLEXED.is_sorted_by(|one, other| one.0 < other.0));
        assert_eq!(Arch::X86.number("socketcall"), Some(SOCKETCALL));
        assert_eq!(Arch::X86.number("ipc"), Some(IPC));
        assert_eq!(Arch::X86.multiplexed("socket"), Some((102, 1)));
        assert_eq!(Arch::X86_64.multiplexed("socket"), None);
        assert!(Arch::is_known_anywhere("send") && !Arch::is_known_anywhere("sand"));
    }

    #[test]
    fn other_conventions_have_their_own_numbers() {
        for (arch, name, number) in [
            (Arch::X86, "exit", Some(1)),
            (Arch::X86, "socket", Some(359)),
            (Arch::X86, "openat2", Some(437)),
            (Arch::X86, "uretprobe", None),
            (Arch::X32, "read", Some(0x4000_0000)),
            (Arch::X32, "ioctl", Some(0x4000_0000 + 514)),
            (Arch::X32, "mseal", Some(0x4000_0000 + 462)),
            (Arch::X32, "socketcall", None),
            (Arch::X86_64, "socketcall", None),
        ] {
            assert_eq!(arch.number(name), number, "{name} on {arch:?}");
        }
        for arch in [Arch::X86, Arch::X32, Arch::X86_64, Arch::Aarch64] {
            assert!(arch.syscalls().all(|(_, number)| arch.numbers().contains(&number)));
        }
    }
}
