//! Capabilities by name, and the five sets of a thread (capabilities(7)).

use rustix::{
    io,
    thread::{
        CapabilitySet, CapabilitySets, clear_ambient_capability_set,
        configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
        set_keep_capabilities,
    },
};

/// Names by number, as Linux 6.18 has them.
pub const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// A set of capabilities, one bit a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Set(u64);

impl Set {
    /// The set without members.
    pub const EMPTY: Self = Self(0);

    /// The set that holds these bits, as in `/proc/PID/status`.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// One bit a capability.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Adds the capability of this name; false if there is none.
    #[must_use]
    pub fn insert(&mut self, name: &str) -> bool {
        let number = NAMES.iter().position(|known| *known == name);
        self.0 |= number.map_or(0, |n| 1 << n);
        number.is_some()
    }

    /// Whether every member of this set is in `other`.
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The members of either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The members that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Names of the members, by number.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(n, _)| self.0 >> n & 1 == 1).map(|(_, name)| *name)
    }
}

/// The five sets of a thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sets {
    /// What execve can ever grant.
    pub bounding: Set,
    /// What the kernel checks.
    pub effective: Set,
    /// What may become effective.
    pub permitted: Set,
    /// What survives execve together with file capabilities.
    pub inheritable: Set,
    /// What survives execve of ordinary programs.
    pub ambient: Set,
}

impl Sets {
    /// Whether no set has a member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Takes everything that `keep` lacks out of this thread's bounding set, for good.
///
/// Needs `CAP_SETPCAP`, thus goes before the other sets are dropped.
///
/// # Errors
/// When the kernel refuses.
pub fn limit_bounding(keep: Set) -> io::Result<()> {
    for number in 0..64u32 {
        if keep.0 >> number & 1 == 1 {
            continue;
        }
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            // Numbers beyond the last that this kernel knows.
            Err(io::Errno::INVAL) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Lets the permitted set survive the change from root to another user id.
///
/// # Errors
/// When the kernel refuses.
pub fn keep_over_user_change() -> io::Result<()> {
    set_keep_capabilities(true)
}

/// Sets the effective, permitted, inheritable and ambient sets of this thread.
///
/// # Errors
/// When a capability is asked for that the thread does not have.
pub fn set(sets: &Sets) -> io::Result<()> {
    set_keep_capabilities(false)?;
    clear_ambient_capability_set()?;
    let bits = |set: Set| CapabilitySet::from_bits_retain(set.0);
    set_capabilities(
        None,
        CapabilitySets {
            effective: bits(sets.effective),
            permitted: bits(sets.permitted),
            inheritable: bits(sets.inheritable),
        },
    )?;
    for number in (0..64u32).filter(|number| sets.ambient.0 >> number & 1 == 1) {
        configure_capability_in_ambient_set(CapabilitySet::from_bits_retain(1 << number), true)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits_agree() {
        let mut set = Set::EMPTY;
        assert!(set.insert("CAP_SYS_ADMIN") && set.insert("CAP_CHOWN"));
        assert!(!set.insert("CAP_NONSENSE") && !set.insert("cap_chown"));
        assert_eq!(set.bits(), 1 << 21 | 1);
        assert_eq!(set.names().collect::<Vec<_>>(), ["CAP_CHOWN", "CAP_SYS_ADMIN"]);
    }

    #[test]
    fn numbers_are_the_kernels() {
        assert_eq!(CapabilitySet::SYS_ADMIN.bits(), 1 << 21);
        assert_eq!(NAMES[40], "CAP_CHECKPOINT_RESTORE");
        assert_eq!(CapabilitySet::CHECKPOINT_RESTORE.bits(), 1 << 40);
    }
}
