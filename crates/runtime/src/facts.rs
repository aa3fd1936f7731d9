//! What this machine is, as far as a plan depends on it.

use crate::cgroup::Layout;

/// What this machine is, as far as a plan depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Effective user id of the runtime.
    pub user: u32,
    /// Effective group id of the runtime.
    pub group: u32,
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
            cgroups: Layout::detect(),
        }
    }

    /// Whether the runtime runs as root and thus may map any id and mount anything.
    #[must_use]
    pub const fn is_privileged(&self) -> bool {
        self.user == 0
    }
}
