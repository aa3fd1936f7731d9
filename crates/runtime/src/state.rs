//! What is kept of a container between two commands.
//!
//! Each container has a directory of its own, private to the user who made it, in the directory
//! of all containers ([`Store`]). Its `state.json` is replaced as a whole; its two pipes
//! ([`crate::gate`]) are there while the container waits to be started. What is read back is
//! checked as if somebody else had written it.

mod store;

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use cofferdam_oci::runtime::Spec;

pub use store::{Place, Store, StoreError, default_directory};

use crate::{cgroup::systemd, id::ContainerId, identity::Identity, ids::Maps};

/// Version of the state file that this program writes and reads.
const VERSION: u32 = 1;
/// Where every control group is.
const CGROUPS: &str = "/sys/fs/cgroup";

/// What is kept of a container.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    version: u32,
    /// The container's name.
    pub id: String,
    /// Directory of its configuration, absolute.
    pub bundle: PathBuf,
    /// Its root file system on this machine.
    pub rootfs: PathBuf,
    /// When it was made (RFC 3339, UTC).
    pub created: String,
    /// Its first process; `None` until it is there.
    pub init: Option<Identity>,
    /// Whether it has been made completely.
    pub complete: bool,
    /// Directories of its control group.
    pub cgroups: Vec<PathBuf>,
    /// Whether they are of cgroup v2.
    pub unified: bool,
    /// The unit of systemd's that its control group belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Id maps of its user namespace.
    pub ids: Option<Maps>,
    /// Its configuration, as it was when it was made.
    pub spec: Spec,
}

/// Where in its life a container is (runtime.md, state).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is being made.
    Creating,
    /// It waits to be started.
    Created,
    /// Its program runs.
    Running,
    /// It is frozen.
    Paused,
    /// Its first process has ended.
    Stopped,
}

impl Status {
    /// The name that the specification and runc have for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// A container as `state`, `list` and hooks are told of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Version of the specification that it follows.
    pub oci_version: String,
    /// Its name.
    pub id: String,
    /// Its first process; 0 when it has none.
    pub pid: i32,
    /// Where in its life it is.
    pub status: &'static str,
    /// Directory of its configuration.
    pub bundle: PathBuf,
    /// Its root file system on this machine.
    pub rootfs: PathBuf,
    /// When it was made.
    pub created: String,
    /// Its annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Whose it is: a user's name, or `#` and a number.
    pub owner: String,
}

impl State {
    /// The state of a container that is about to be made.
    #[must_use]
    pub fn new(id: &ContainerId, bundle: PathBuf, rootfs: PathBuf, spec: Spec) -> Self {
        Self {
            version: VERSION,
            id: id.to_string(),
            bundle,
            rootfs,
            created: crate::clock::now(),
            init: None,
            complete: false,
            cgroups: Vec::new(),
            unified: false,
            unit: None,
            ids: None,
            spec,
        }
    }

    /// What hooks and users are told.
    #[must_use]
    pub fn summary(&self, status: Status, owner: String) -> Summary {
        let pid = match status {
            Status::Stopped => 0,
            _ => self.init.map_or(0, |init| init.pid),
        };
        Summary {
            oci_version: self.spec.oci_version.clone(),
            id: self.id.clone(),
            pid,
            status: status.as_str(),
            bundle: self.bundle.clone(),
            rootfs: self.rootfs.clone(),
            created: self.created.clone(),
            annotations: self.spec.annotations.clone(),
            owner,
        }
    }

    /// The state in JSON (OCI state, runtime.md) that a hook gets on standard input.
    #[must_use]
    pub fn for_hook(&self, status: Status, pid: i32) -> Vec<u8> {
        let mut state = serde_json::json!({
            "ociVersion": self.spec.oci_version,
            "id": self.id,
            "status": status.as_str(),
            "bundle": self.bundle,
        });
        if status != Status::Stopped {
            state["pid"] = pid.into();
        }
        if !self.spec.annotations.is_empty() {
            state["annotations"] = serde_json::json!(self.spec.annotations);
        }
        state.to_string().into_bytes()
    }

    /// Reads the state of the container `id`.
    ///
    /// # Errors
    /// When it is not JSON, of another version, of another container, or names what no state of
    /// ours would.
    pub fn parse(json: &[u8], id: &ContainerId) -> Result<Self, StateError> {
        let state: Self = serde_json::from_slice(json)?;
        if state.version != VERSION {
            return Err(StateError::Version(state.version));
        }
        if state.id != id.as_str() {
            return Err(StateError::Other(state.id));
        }
        let wrong = |field, value: &Path| StateError::Field(field, value.display().to_string());
        for (field, path) in [("bundle", &state.bundle), ("rootfs", &state.rootfs)] {
            if !path.is_absolute() {
                return Err(wrong(field, path));
            }
        }
        for path in &state.cgroups {
            let plain = path.components().skip(1).all(|c| matches!(c, Component::Normal(_)));
            // Below a tree's root, which must never be taken for a container's.
            let below = path.strip_prefix(CGROUPS).is_ok_and(|rest| rest.components().count() > 0);
            if !plain || !below {
                return Err(wrong("cgroups", path));
            }
        }
        if let Some(unit) = state.unit.as_ref().filter(|unit| !systemd::is_name(unit)) {
            return Err(StateError::Field("unit", unit.clone()));
        }
        if let Some(init) = state.init.filter(|init| init.pid <= 1) {
            return Err(StateError::Field("init", init.pid.to_string()));
        }
        Ok(state)
    }
}

/// Why a file is not a container's state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It is no JSON, or a field is missing or has the wrong shape.
    #[error("it is not a state of this program")]
    Json(#[from] serde_json::Error),
    /// It was written by another version of this program.
    #[error("its version is {0}, and only version {VERSION} is known")]
    Version(u32),
    /// It belongs elsewhere.
    #[error("it is the state of another container, '{0}'")]
    Other(String),
    /// A field holds what it never would.
    #[error("its field '{0}' cannot be '{1}'")]
    Field(&'static str, String),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id() -> ContainerId {
        "c1".parse().unwrap()
    }

    fn state() -> State {
        let spec = Spec::parse(br#"{"ociVersion": "1.2.0", "annotations": {"a": "b"}}"#).unwrap();
        let mut state = State::new(&id(), "/bundle".into(), "/bundle/rootfs".into(), spec);
        state.created = "2026-01-01T00:00:00.000000000Z".into();
        state.init = Some(Identity { pid: 77, start_time: 5 });
        state.cgroups = vec!["/sys/fs/cgroup/pids/c1".into()];
        state
    }

    #[test]
    fn a_state_survives_writing_and_reading() {
        let json = serde_json::to_vec(&state()).unwrap();
        assert_eq!(State::parse(&json, &id()).unwrap(), state());
    }

    #[test]
    fn a_forged_state_is_refused_by_field() {
        for (field, value, wanted) in [
            ("version", serde_json::json!(2), "version is 2"),
            ("id", "c2".into(), "'c2'"),
            ("bundle", "bundle".into(), "'bundle'"),
            ("rootfs", "../x".into(), "'../x'"),
            ("cgroups", serde_json::json!(["/etc"]), "'/etc'"),
            ("cgroups", serde_json::json!(["/sys/fs/cgroup"]), "'/sys/fs/cgroup'"),
            ("cgroups", serde_json::json!(["/sys/fs/cgroup/../../../etc"]), "etc"),
            ("cgroups", serde_json::json!(["sys/fs/cgroup/x"]), "cgroups"),
            ("init", serde_json::json!({"pid": 1, "start_time": 1}), "'1'"),
            ("init", serde_json::json!({"pid": -5, "start_time": 1}), "'-5'"),
            ("init", serde_json::json!({"pid": 5}), "not a state"),
            ("init", serde_json::json!("5"), "not a state"),
            ("unit", "sshd.service".into(), "'sshd.service'"),
            ("unit", "../x.scope".into(), "'../x.scope'"),
            ("surprise", serde_json::json!(1), "not a state"),
        ] {
            let mut json = serde_json::to_value(state()).unwrap();
            json[field] = value;
            let error = State::parse(json.to_string().as_bytes(), &id()).unwrap_err();
            assert!(error.to_string().contains(wanted), "{field}: {error}");
        }
    }

    #[test]
    fn hooks_are_told_what_the_specification_asks_for() {
        let told: serde_json::Value =
            serde_json::from_slice(&state().for_hook(Status::Creating, 77)).unwrap();
        assert_eq!(
            told,
            serde_json::json!({"ociVersion": "1.2.0", "id": "c1", "status": "creating",
                "bundle": "/bundle", "pid": 77, "annotations": {"a": "b"}})
        );
        let told: serde_json::Value =
            serde_json::from_slice(&state().for_hook(Status::Stopped, 77)).unwrap();
        assert!(told.get("pid").is_none());
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = State::parse(&bytes, &id());
        }
    }
}
