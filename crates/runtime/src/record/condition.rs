//! How a container is doing, as its keeper last knew.

use super::{RecordError, VERSION};
use crate::identity::Identity;

/// Longest error that is kept, in lines and in bytes of each.
const LINES: usize = 32;
const LINE: usize = 4096;

/// How a container is doing, as its keeper last knew.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    version: u32,
    /// Where in its life it is.
    pub phase: Phase,
    /// The process that waits for it; nothing is known any more when that has ended too soon.
    pub keeper: Identity,
    /// When its program last started (RFC 3339, UTC).
    pub started: Option<String>,
    /// When it last ended.
    pub ended: Option<String>,
    /// The exit code of that end, 128 and the signal's number if one ended it.
    pub exit_code: Option<u8>,
    /// Why it ended.
    pub reason: Option<Reason>,
    /// What went wrong when it was started, the cause last.
    pub error: Vec<String>,
    /// How often it has been started again.
    pub restarts: u32,
}

/// Where in its life a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It is being made.
    Starting,
    /// Its program runs.
    Running,
    /// It has ended and starts again in a moment.
    Waiting,
    /// It has ended for good.
    Ended,
}

/// Why a container ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Its program did.
    Exited,
    /// Somebody stopped it.
    Stopped,
    /// It had run as long as it may.
    MaxAge,
    /// It could not be started.
    Failed,
}

impl Reason {
    /// Its name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exited => "exited",
            Self::Stopped => "stopped",
            Self::MaxAge => "max-age",
            Self::Failed => "failed",
        }
    }
}

impl Condition {
    /// That of a container which `keeper` is about to make.
    #[must_use]
    pub const fn new(keeper: Identity) -> Self {
        Self {
            version: VERSION,
            phase: Phase::Starting,
            keeper,
            started: None,
            ended: None,
            exit_code: None,
            reason: None,
            error: Vec::new(),
            restarts: 0,
        }
    }

    /// Reads a condition.
    ///
    /// # Errors
    /// When it is no JSON, of another version, or holds what no condition of ours would.
    pub fn parse(json: &[u8]) -> Result<Self, RecordError> {
        let condition: Self = serde_json::from_slice(json)?;
        if condition.version != VERSION {
            return Err(RecordError::Version(condition.version));
        }
        if condition.keeper.pid <= 1 {
            return Err(RecordError::Field("keeper", condition.keeper.pid.to_string()));
        }
        let error = &condition.error;
        if error.len() > LINES || error.iter().any(|line| line.len() > LINE) {
            return Err(RecordError::Field("error", format!("of {} lines", error.len())));
        }
        Ok(condition)
    }

    /// Keeps an error, as much of it as is read back.
    pub fn fail(&mut self, chain: Vec<String>) {
        self.error.clear();
        self.note(chain);
        self.reason = Some(Reason::Failed);
    }

    /// Keeps what went wrong beside, as much of it as is read back.
    pub fn note(&mut self, chain: Vec<String>) {
        self.error.extend(chain);
        self.error.truncate(LINES);
        for line in &mut self.error {
            let mut end = line.len().min(LINE);
            while !line.is_char_boundary(end) {
                end -= 1;
            }
            line.truncate(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_survives_and_a_forged_one_is_refused() {
        let mut condition = Condition::new(Identity { pid: 7, start_time: 9 });
        condition.fail(vec!["ä".repeat(LINE); LINES + 3]);
        let json = serde_json::to_vec(&condition).unwrap();
        assert_eq!(Condition::parse(&json).unwrap(), condition);
        for (field, value) in [
            ("version", serde_json::json!(9)),
            ("keeper", serde_json::json!({"pid": 1, "start_time": 9})),
            ("keeper", serde_json::json!({"pid": -7, "start_time": 9})),
            ("phase", "asleep".into()),
            ("exit_code", serde_json::json!(256)),
            ("error", serde_json::json!(vec!["x"; LINES + 1])),
            ("error", serde_json::json!(["x".repeat(LINE + 1)])),
            ("surprise", serde_json::json!(1)),
        ] {
            let mut json = serde_json::to_value(&condition).unwrap();
            json[field] = value;
            assert!(Condition::parse(json.to_string().as_bytes()).is_err(), "{field}");
        }
    }
}
