use serde::Serialize;

/// How something is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// As it should be.
    Works,
    /// There, but less than it could be.
    Degraded,
    /// Not there.
    Missing,
    /// Could not be found out.
    Unknown,
}

/// Which commands cannot do without it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Needs {
    pub(super) scan: bool,
    pub(super) run: bool,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// Stable, so that programs may look for it.
    pub(super) name: &'static str,
    pub(super) status: Status,
    /// What was found.
    pub(super) saw: String,
    /// What that means for `scan` and `run`; nothing where it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) means: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
    /// Which commands fail without it.
    pub(super) needed_by: Needs,
}

impl Check {
    pub(super) fn works(name: &'static str, saw: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Works,
            saw: saw.into(),
            means: None,
            advice: None,
            needed_by: Needs::default(),
        }
    }

    pub(super) fn degraded(name: &'static str, saw: impl Into<String>) -> Self {
        Self { status: Status::Degraded, ..Self::works(name, saw) }
    }

    pub(super) fn missing(name: &'static str, saw: impl Into<String>) -> Self {
        Self { status: Status::Missing, ..Self::works(name, saw) }
    }

    pub(super) fn unknown(name: &'static str, saw: impl Into<String>) -> Self {
        Self { status: Status::Unknown, ..Self::works(name, saw) }
    }

    pub(super) fn means(mut self, text: impl Into<String>) -> Self {
        self.means = Some(text.into());
        self
    }

    pub(super) fn advice(mut self, text: impl Into<String>) -> Self {
        self.advice = Some(text.into());
        self
    }

    pub(super) fn needed_by_scan(mut self) -> Self {
        self.needed_by.scan = true;
        self
    }

    pub(super) fn needed_by_run(mut self) -> Self {
        self.needed_by.run = true;
        self
    }
}

/// Whether a command will work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Works,
    Degraded,
    Missing,
}

impl Verdict {
    /// Of the checks that concern a command: what it needs and cannot be found out weakens.
    pub(super) fn of(checks: &[Check], needs: fn(Needs) -> bool) -> Self {
        let needed = || checks.iter().filter(|check| needs(check.needed_by));
        if needed().any(|check| check.status == Status::Missing) {
            Self::Missing
        } else if needed().any(|check| check.status != Status::Works) {
            Self::Degraded
        } else {
            Self::Works
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_command_needs_decides_on_it() {
        let verdict = |checks: &[Check]| Verdict::of(checks, |needs| needs.run);
        assert_eq!(verdict(&[Check::missing("a", "")]), Verdict::Works);
        assert_eq!(verdict(&[Check::missing("a", "").needed_by_run()]), Verdict::Missing);
        let doubtful =
            [Check::works("a", "").needed_by_run(), Check::unknown("b", "").needed_by_run()];
        assert_eq!(verdict(&doubtful), Verdict::Degraded);
    }
}
