//! The calling conventions that filters are made for, and the names of their calls.

use super::syscalls::{KERNEL, NONE, TABLE};

/// A processor architecture with its native 64-bit calling convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arch {
    /// AMD64. Its 32-bit conventions, i386 and x32, are foreign.
    X86_64,
    /// ARM64. Its 32-bit convention is foreign.
    Aarch64,
}

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
        let machine = match self {
            Self::X86_64 => 62,
            Self::Aarch64 => 183,
        };
        BITS_64 | LITTLE_ENDIAN | machine
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
    }

    /// The Linux version whose calls are known by name, as `7.2`.
    #[must_use]
    pub const fn table_kernel() -> &'static str {
        KERNEL
    }

    const fn column(self, row: &(&'static str, u32, u32)) -> u32 {
        match self {
            Self::X86_64 => row.1,
            Self::Aarch64 => row.2,
        }
    }
}
