//! What `cofferdam run` keeps of its containers while they run and, for those that were left in
//! the background, until they are removed.
//!
//! A container's [`Folder`] holds what was asked for ([`Record`], which never changes), how it is
//! doing ([`Condition`], which its keeper replaces), its configuration, what it has written
//! ([`log`]) and the socket by which others join its terminal ([`attach`]). The keeper is the
//! process that waits for the container: a monitor in the background, or the command itself. All of
//! it is private to the user, and what is read back is checked as if somebody else had written it.

pub mod attach;
mod condition;
mod folder;
pub mod log;
pub mod ranges;

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

pub use condition::{Condition, Phase, Reason};
pub use folder::{CONSOLE, Folder, Records, RecordsError, SOCKET};

use crate::id::ContainerId;

/// Version of the files that this program writes and reads.
const VERSION: u32 = 1;
/// `SIGTERM`, which asks a program to end.
const TERM: i32 = rustix::process::Signal::TERM.as_raw();
/// Longest that a container may be given to end by itself, in seconds: an hour.
pub const LONGEST_STOP: u32 = 3600;
/// Largest log that may be asked for, in bytes: 1 GiB.
pub const LARGEST_LOG: u64 = 1 << 30;

/// What was asked for when a container was made.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    version: u32,
    /// The container's name.
    pub name: String,
    /// The image as it was named; `None` for a directory.
    pub image: Option<String>,
    /// Its root file system on this machine.
    pub rootfs: PathBuf,
    /// Program and arguments.
    pub command: Vec<String>,
    /// When it was made (RFC 3339, UTC).
    pub created: String,
    /// Whether it runs in the background.
    pub detached: bool,
    /// Whether it is removed when it has ended.
    pub remove: bool,
    /// Whether it has a terminal.
    pub terminal: bool,
    /// Whether its standard input stays open for whoever attaches.
    pub interactive: bool,
    /// Whether it starts again when it has ended.
    pub restart: Restart,
    /// The signal that asks it to end.
    pub stop_signal: i32,
    /// Seconds that it has to end by itself.
    pub stop_timeout: u32,
    /// Seconds that it may run.
    pub max_age: Option<u64>,
    /// Bytes of its output that are kept.
    pub log_size: u64,
    /// What its user calls it by.
    pub labels: BTreeMap<String, String>,
    /// Directories of the volumes that it uses.
    pub volumes: Vec<PathBuf>,
}

/// Whether a container starts again when it has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// Never.
    #[default]
    No,
    /// When its exit code is not 0, at most so many times; `None` is without end.
    OnFailure(Option<u32>),
    /// Whatever its exit code, until somebody stops it.
    Always,
}

impl Restart {
    /// Whether a container that ended with `code` starts again, having done so `restarts` times.
    #[must_use]
    pub const fn applies(self, code: u8, restarts: u32) -> bool {
        match self {
            Self::No => false,
            Self::OnFailure(_) if code == 0 => false,
            Self::OnFailure(Some(most)) => restarts < most,
            Self::OnFailure(None) | Self::Always => true,
        }
    }
}

impl std::fmt::Display for Restart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::OnFailure(None) => f.write_str("on-failure"),
            Self::OnFailure(Some(most)) => write!(f, "on-failure:{most}"),
            Self::Always => f.write_str("always"),
        }
    }
}

impl std::str::FromStr for Restart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "no, on-failure, on-failure:COUNT or always is wanted".to_owned();
        match text {
            "no" => Ok(Self::No),
            "always" => Ok(Self::Always),
            "on-failure" => Ok(Self::OnFailure(None)),
            _ => {
                let count = text.strip_prefix("on-failure:").ok_or_else(wrong)?;
                let digits = count.bytes().all(|byte| byte.is_ascii_digit());
                let count = count.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
                Ok(Self::OnFailure(Some(count)))
            }
        }
    }
}

impl Record {
    /// The record of a container that is about to be made: in the foreground, nothing asked for.
    #[must_use]
    pub fn new(id: &ContainerId, rootfs: PathBuf, command: Vec<String>) -> Self {
        Self {
            version: VERSION,
            name: id.to_string(),
            image: None,
            rootfs,
            command,
            created: crate::clock::now(),
            detached: false,
            remove: true,
            terminal: false,
            interactive: false,
            restart: Restart::No,
            stop_signal: TERM,
            stop_timeout: 10,
            max_age: None,
            log_size: log::DEFAULT_SIZE,
            labels: BTreeMap::new(),
            volumes: Vec::new(),
        }
    }

    /// Reads the record of the container `id`.
    ///
    /// # Errors
    /// When it is no JSON, of another version or container, or holds what no record of ours would.
    pub fn parse(json: &[u8], id: &ContainerId) -> Result<Self, RecordError> {
        let record: Self = serde_json::from_slice(json)?;
        if record.version != VERSION {
            return Err(RecordError::Version(record.version));
        }
        if record.name != id.as_str() {
            return Err(RecordError::Other(record.name));
        }
        let paths = [("rootfs", &record.rootfs)];
        let volumes = record.volumes.iter().map(|path| ("volumes", path));
        for (field, path) in paths.into_iter().chain(volumes) {
            if !is_plain(path) {
                return Err(RecordError::Field(field, path.display().to_string()));
            }
        }
        if record.stop_timeout > LONGEST_STOP {
            return Err(RecordError::Field("stop_timeout", record.stop_timeout.to_string()));
        }
        if !(1..=64).contains(&record.stop_signal) {
            return Err(RecordError::Field("stop_signal", record.stop_signal.to_string()));
        }
        if record.log_size > LARGEST_LOG {
            return Err(RecordError::Field("log_size", record.log_size.to_string()));
        }
        Ok(record)
    }
}

/// Whether a path is absolute and leads nowhere but down.
fn is_plain(path: &Path) -> bool {
    path.is_absolute() && path.components().skip(1).all(|part| matches!(part, Component::Normal(_)))
}

/// Why a file is not one that belongs to a container.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is no JSON, or a field is missing, unknown or has the wrong shape.
    #[error("it is not a record of this program")]
    Json(#[from] serde_json::Error),
    /// It was written by another version of this program.
    #[error("its version is {0}, and only version {VERSION} is known")]
    Version(u32),
    /// It belongs elsewhere.
    #[error("it is the record of another container, '{0}'")]
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

    fn record() -> Record {
        let mut record = Record::new(&id(), "/images/x/rootfs".into(), vec!["true".into()]);
        record.created = "2026-01-01T00:00:00.000000000Z".into();
        record.volumes = vec!["/data/volumes/v".into()];
        record.restart = Restart::OnFailure(Some(3));
        record
    }

    #[test]
    fn a_record_survives_writing_and_reading() {
        let json = serde_json::to_vec(&record()).unwrap();
        assert_eq!(Record::parse(&json, &id()).unwrap(), record());
    }

    #[test]
    fn a_forged_record_is_refused_by_field() {
        for (field, value, wanted) in [
            ("version", serde_json::json!(2), "version is 2"),
            ("name", "c2".into(), "'c2'"),
            ("rootfs", "x".into(), "'rootfs'"),
            ("rootfs", "/a/../b".into(), "'rootfs'"),
            ("volumes", serde_json::json!(["/a", "b"]), "'volumes'"),
            ("stop_timeout", serde_json::json!(3601), "'stop_timeout'"),
            ("stop_timeout", serde_json::json!(-1), "not a record"),
            ("stop_signal", serde_json::json!(0), "'stop_signal'"),
            ("log_size", serde_json::json!(u64::MAX), "'log_size'"),
            ("restart", "often".into(), "not a record"),
            ("surprise", serde_json::json!(1), "not a record"),
        ] {
            let mut json = serde_json::to_value(record()).unwrap();
            json[field] = value;
            let error = Record::parse(json.to_string().as_bytes(), &id()).unwrap_err();
            assert!(error.to_string().contains(wanted), "{field}: {error}");
        }
    }

    #[test]
    fn restarts_follow_the_policy() {
        for (text, code, restarts, wanted) in [
            ("no", 1, 0, false),
            ("on-failure", 0, 0, false),
            ("on-failure", 1, 9999, true),
            ("on-failure:2", 1, 1, true),
            ("on-failure:2", 1, 2, false),
            ("on-failure:0", 1, 0, false),
            ("always", 0, 9999, true),
        ] {
            let restart: Restart = text.parse().unwrap();
            assert_eq!(restart.to_string(), text);
            assert_eq!(restart.applies(code, restarts), wanted, "{text} {code} {restarts}");
        }
        for text in ["", "yes", "on-failure:", "on-failure:-1", "on-failure:+1", "always:1"] {
            assert!(text.parse::<Restart>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = Record::parse(&bytes, &id());
            let _ = Condition::parse(&bytes);
        }
    }
}
