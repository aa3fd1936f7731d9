//! The isolation in force for a process, as the kernel tells it.
//!
//! [`observe`] reads `/proc/PID` and the limits of its cgroup: nothing of what was asked for,
//! only what is. [`layers`] says for each layer of isolation whether it is in force, and
//! [`render`] prints that. What could not be read is unknown, never taken for good.

mod cgroup;
mod filter;
mod layers;
mod limits;
mod mounts;
mod namespaces;
mod network;
mod process;
mod render;
mod status;

use std::io;

pub use cgroup::{Cgroup, Limit, Limits, parse_membership};
pub use filter::{Filters, Probe};
pub use layers::{Explanation, GivenUp, Layer, State, layers};
pub use limits::{ResourceLimit, parse_limits};
pub use mounts::{Mount, parse_mounts};
pub use namespaces::{KINDS, Namespace, parse_namespace_link};
pub use network::{Network, parse_interfaces, parse_ipv4_default, parse_ipv6_default};
pub use render::render;
pub use status::{
    CAPABILITIES, Capabilities, IdRange, Status, capability_list, capability_names, parse_id_map,
    parse_status,
};

use process::ProcessDirectory;

/// A fact, or why it is not known.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen<T> {
    /// The kernel said so.
    Known(T),
    /// It could not be asked, with the reason.
    Unknown(String),
}

impl<T> Seen<T> {
    /// The fact, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(fact) => Some(fact),
            Self::Unknown(_) => None,
        }
    }

    /// Why the fact is not known.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why) => Some(why),
        }
    }

    fn map<U>(self, change: impl FnOnce(T) -> U) -> Seen<U> {
        match self {
            Self::Known(fact) => Seen::Known(change(fact)),
            Self::Unknown(why) => Seen::Unknown(why),
        }
    }
}

/// Everything that was read about one process.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Observation {
    /// The process, by the reader's process namespace.
    pub pid: u32,
    /// `/proc/PID/status`.
    pub status: Seen<Status>,
    /// `/proc/PID/ns`, in the order of [`KINDS`].
    pub namespaces: Vec<Namespace>,
    /// `/proc/PID/uid_map`: ids inside, and what they are in the reader's user namespace.
    pub uid_map: Seen<Vec<IdRange>>,
    /// `/proc/PID/gid_map`.
    pub gid_map: Seen<Vec<IdRange>>,
    /// `/proc/PID/mountinfo`, in the order of mounting.
    pub mounts: Seen<Vec<Mount>>,
    /// `/proc/PID/cgroup` and the limits that hold there.
    pub cgroup: Seen<Cgroup>,
    /// `/proc/PID/net`.
    pub network: Network,
    /// `/proc/PID/attr/current`: the label of the security module, if one keeps labels.
    pub security_label: Seen<Option<String>>,
    /// `/sys/kernel/security/lsm`: the security modules of this kernel.
    pub security_modules: Seen<Vec<String>>,
    /// `/proc/PID/limits`.
    pub limits: Seen<Vec<ResourceLimit>>,
    /// `/proc/PID/oom_score_adj`.
    pub oom_score_adjustment: Seen<i32>,
    /// The system call filters themselves, if they were asked for.
    pub filters: Seen<Filters>,
}

/// No such process, or none that may be looked at.
#[derive(Debug, thiserror::Error)]
#[error("could not look at process {pid}")]
pub struct ObserveError {
    /// The process asked for.
    pub pid: u32,
    /// What the kernel said.
    pub source: io::Error,
}

/// Whether the filters themselves are read, which stops the process for a moment and takes
/// `CAP_SYS_ADMIN` in the initial user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFilters {
    /// Read them if possible.
    Yes,
    /// Leave the process alone.
    No,
}

/// Reads what isolation is in force for process `pid` of the caller's process namespace.
///
/// The process is held by its directory, so that a later process of the same number is never
/// mistaken for it.
///
/// # Errors
/// [`ObserveError`] when there is no such process. What cannot be read of an existing one is
/// unknown in the answer.
pub fn observe(pid: u32, filters: ReadFilters) -> Result<Observation, ObserveError> {
    let failed = |source| ObserveError { pid, source };
    let process = ProcessDirectory::open(pid).map_err(failed)?;
    let own = ProcessDirectory::open_own().map_err(failed)?;
    let init = ProcessDirectory::open(1).ok();
    let observation = Observation {
        pid,
        status: process.read_as("status", parse_status),
        namespaces: namespaces::read(&process, &own, init.as_ref()),
        uid_map: process.read_as("uid_map", parse_id_map),
        gid_map: process.read_as("gid_map", parse_id_map),
        mounts: process.read_as("mountinfo", parse_mounts),
        cgroup: cgroup::read(&process, &own),
        network: network::read(&process),
        security_label: security_label(&process),
        security_modules: process::read_file("/sys/kernel/security/lsm")
            .map(|text| text.trim().split(',').map(str::to_owned).collect()),
        limits: process.read_as("limits", parse_limits),
        oom_score_adjustment: oom_score_adjustment(&process),
        filters: match filters {
            ReadFilters::Yes => filter::read(pid),
            ReadFilters::No => Seen::Unknown("not asked for".to_owned()),
        },
    };
    // A process that ended meanwhile would look like one of which little is known.
    process.read("status").map_or_else(|error| Err(failed(error)), |_| Ok(observation))
}

fn oom_score_adjustment(process: &ProcessDirectory) -> Seen<i32> {
    match process.read_as("oom_score_adj", |text| text.trim().parse::<i32>().ok()) {
        Seen::Known(Some(value)) => Seen::Known(value),
        Seen::Known(None) => Seen::Unknown("oom_score_adj is no number".to_owned()),
        Seen::Unknown(why) => Seen::Unknown(why),
    }
}

/// The label, or `None` when no security module keeps one (the read is refused with EINVAL).
fn security_label(process: &ProcessDirectory) -> Seen<Option<String>> {
    match process.read("attr/current") {
        Ok(text) => {
            let label = text.trim_end_matches(['\n', '\0']);
            Seen::Known((!label.is_empty()).then(|| label.to_owned()))
        }
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Seen::Known(None),
        Err(error) => Seen::Unknown(format!("attr/current: {error}")),
    }
}

#[cfg(test)]
mod tests;
