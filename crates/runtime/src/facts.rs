//! What this machine is, as far as a plan depends on it.

use crate::cgroup::Layout;

/// What this machine is, as far as a plan depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Effective user id of the runtime.
    pub user: u32,
    /// Effective group id of the runtime.
    pub group: u32,
    /// Whether the runtime is itself in a user namespace, as in a container: its root has no
    /// rights to this machine's devices that could be given or taken.
    pub nested: bool,
    /// Whether systemd makes the cgroups of containers.
    pub systemd: bool,
    /// How cgroups are laid out.
    pub cgroups: Layout,
}

impl Facts {
    /// Looks at this machine.
    #[must_use]
    pub fn collect() -> Self {
        Self {
            user: rustix::process::geteuid().as_raw(),
            group: rustix::process::getegid().as_raw(),
            nested: is_nested(),
            systemd: false,
            cgroups: Layout::detect(),
        }
    }

    /// Whether the runtime is root of the machine itself.
    #[must_use]
    pub const fn is_machines_root(&self) -> bool {
        self.is_privileged() && !self.nested
    }

    /// Whether the runtime runs as root and thus may map any id and mount anything.
    #[must_use]
    pub const fn is_privileged(&self) -> bool {
        self.user == 0
    }
}

/// Only in the first user namespace every id stands for itself.
fn is_nested() -> bool {
    let map = cofferdam_sys::proc::read("/proc/self/uid_map".as_ref()).unwrap_or_default();
    map.split_whitespace().ne(["0", "0", "4294967295"])
}
