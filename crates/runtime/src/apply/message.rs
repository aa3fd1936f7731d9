//! What parent and child tell each other.

use crate::plan::GivenUp;

/// To the child: its ids are mapped.
pub(super) const IDS_WRITTEN: &[u8] = b"ids";
/// To the child: its limits are in force.
pub(super) const LIMITS_SET: &[u8] = b"limits";
/// To the child: the hooks that run outside have run.
pub(super) const HOOKS_RUN: &[u8] = b"hooks";
/// To the child: the program may run.
pub(super) const GO: &[u8] = b"go";

/// To the parent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// It failed: exit code and error, the cause last.
    Failed(u8, Vec<String>),
    /// It does without something.
    GaveUp(GivenUp),
    /// Its terminal comes along as a descriptor.
    Terminal,
    /// Its namespaces and mounts are there, and it waits for [`HOOKS_RUN`].
    Built,
    /// It is about to load a filter with an agent for system calls.
    Listening,
    /// It is confined and waits for [`GO`].
    Confined,
    /// It waits at its gate.
    Ready,
    /// A process was made, whose id this is; a descriptor of it comes along.
    Made(i32),
}

const SEPARATOR: char = '\0';

impl Report {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let separator = SEPARATOR.to_string();
        match self {
            Self::Failed(code, chain) => {
                format!("failed{SEPARATOR}{code}{SEPARATOR}{}", chain.join(&separator))
            }
            Self::GaveUp(what) => format!("gave up{SEPARATOR}{}{SEPARATOR}{}", what.what, what.why),
            Self::Terminal => "terminal".into(),
            Self::Built => "built".into(),
            Self::Listening => "listening".into(),
            Self::Confined => "confined".into(),
            Self::Ready => "ready".into(),
            Self::Made(pid) => format!("made{SEPARATOR}{pid}"),
        }
        .into_bytes()
    }

    /// `None` for what no child of ours says.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let mut fields = text.split(SEPARATOR).map(str::to_owned);
        Some(match fields.next()?.as_str() {
            "failed" => Self::Failed(fields.next()?.parse().ok()?, fields.collect()),
            "gave up" => Self::GaveUp(GivenUp { what: fields.next()?, why: fields.next()? }),
            "terminal" => Self::Terminal,
            "built" => Self::Built,
            "listening" => Self::Listening,
            "confined" => Self::Confined,
            "ready" => Self::Ready,
            "made" => Self::Made(fields.next()?.parse().ok()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_round_trip() {
        for report in [
            Report::Failed(126, vec!["could not run 'x'".into(), "no such file".into()]),
            Report::GaveUp(GivenUp::new("a", "b")),
            Report::Terminal,
            Report::Built,
            Report::Listening,
            Report::Confined,
            Report::Ready,
            Report::Made(77),
        ] {
            assert_eq!(Report::decode(&report.encode()), Some(report));
        }
        assert_eq!(Report::decode(b"nonsense"), None);
    }
}
