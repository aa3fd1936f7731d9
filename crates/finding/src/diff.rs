use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::{DataSource, Finding, Report, Severity, baseline::Identity};

/// How a report differs from an earlier one of the same target, or of its predecessor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// What is open now and was not.
    pub new: Vec<Change>,
    /// What was open and is not any more.
    pub gone: Vec<Change>,
    /// What is open in both.
    pub unchanged: Vec<Change>,
}

/// A finding in the one report or the other, and why it is not in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Id of the rule.
    pub rule: String,
    /// What it is about.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// One line that says what is the case.
    pub title: String,
    /// Why it came or went.
    pub cause: Cause,
    /// The same in words.
    pub why: String,
}

/// Why a finding came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// It did neither.
    None,
    /// The package was not installed before.
    PackageAdded,
    /// The package is not installed any more.
    PackageRemoved,
    /// The package has another version.
    PackageChanged,
    /// The package is the same, and advisories say something else.
    FeedChanged,
    /// It is, or was, waived or closed by a statement.
    SetAside,
    /// Something else of the target, or what is looked for.
    TargetChanged,
}

impl Cause {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::PackageAdded => "package added",
            Self::PackageRemoved => "package removed",
            Self::PackageChanged => "package changed",
            Self::FeedChanged => "advisories changed",
            Self::SetAside => "set aside",
            Self::TargetChanged => "target changed",
        }
    }
}

/// Compares a report with an earlier one.
pub fn diff(old: &Report, new: &Report) -> Diff {
    let (before, now) = (Side::of(old), Side::of(new));
    let mut diff = Diff::default();
    for (identity, finding) in open(new) {
        if before.open.contains_key(&identity) {
            diff.unchanged.push(change(finding, Cause::None, String::new()));
        } else {
            let (cause, why) = before.why_new(&now, &identity);
            diff.new.push(change(finding, cause, why));
        }
    }
    for (identity, finding) in open(old) {
        if !now.open.contains_key(&identity) {
            let (cause, why) = now.why_gone(&before, &identity);
            diff.gone.push(change(finding, cause, why));
        }
    }
    diff
}

fn open(report: &Report) -> impl Iterator<Item = (Identity, &Finding)> {
    let decision = &report.decision;
    let findings = decision.findings.iter().chain(&decision.known);
    findings.filter_map(|finding| Some((Identity::of(finding)?, finding)))
}

fn change(finding: &Finding, cause: Cause, why: String) -> Change {
    Change {
        rule: finding.rule.to_string(),
        subject: finding.subject.clone(),
        severity: finding.severity,
        title: finding.title.clone(),
        cause,
        why,
    }
}

/// A report, ready for questions.
struct Side<'a> {
    report: &'a Report,
    open: HashMap<Identity, &'a Finding>,
    /// What is waived or closed, and by what.
    aside: HashMap<Identity, String>,
    /// Versions by what findings call the package.
    versions: HashMap<String, BTreeSet<&'a str>>,
}

impl<'a> Side<'a> {
    fn of(report: &'a Report) -> Self {
        let mut versions: HashMap<String, BTreeSet<&str>> = HashMap::new();
        for package in &report.packages {
            let source = &package.source;
            let subject = match package.kind.is_of_distribution() {
                true => source.name.clone(),
                false => format!("{}:{}", package.kind.name(), source.name),
            };
            versions.entry(subject).or_default().insert(&source.version);
        }
        let waived = report.decision.waived.iter().map(|waived| {
            let waiver = &waived.waiver;
            (&waived.finding, format!("waived by {} until {}", waiver.owner, waiver.last_day()))
        });
        let closed = report.decision.suppressed.iter().map(|closed| {
            let statement = &closed.statement;
            let by = format!("{} says {}", statement.document, statement.status.name());
            (&closed.finding, by)
        });
        let aside = waived.chain(closed);
        Self {
            report,
            open: open(report).collect(),
            aside: aside.filter_map(|(one, by)| Some((Identity::of(one)?, by))).collect(),
            versions,
        }
    }

    /// Why something is open in `now`, and was not in this report.
    fn why_new(&self, now: &Self, identity: &Identity) -> (Cause, String) {
        if let Some(by) = self.aside.get(identity) {
            return (Cause::SetAside, format!("was {by}"));
        }
        self.packages(now, identity)
    }

    /// Why something was open in `before`, and is not in this report.
    fn why_gone(&self, before: &Self, identity: &Identity) -> (Cause, String) {
        if let Some(by) = self.aside.get(identity) {
            return (Cause::SetAside, by.clone());
        }
        before.packages(self, identity)
    }

    /// What became of the package from this report to a later one.
    fn packages(&self, later: &Self, identity: &Identity) -> (Cause, String) {
        let none = BTreeSet::new();
        let before = self.versions.get(&identity.subject).unwrap_or(&none);
        let now = later.versions.get(&identity.subject).unwrap_or(&none);
        let (was, is) = (listed(before), listed(now));
        match (before.is_empty(), now.is_empty()) {
            (true, true) => self.otherwise(later),
            (true, false) => (Cause::PackageAdded, format!("{is} was installed")),
            (false, true) => (Cause::PackageRemoved, format!("{was} was removed")),
            _ if before != now => (Cause::PackageChanged, format!("from {was} to {is}")),
            _ => self.feeds(later, &is),
        }
    }

    fn feeds(&self, later: &Self, version: &str) -> (Cause, String) {
        let dates = |data: &[DataSource]| -> BTreeSet<(String, String)> {
            data.iter().map(|source| (source.name.clone(), source.date.clone())).collect()
        };
        let (before, now) = (dates(&self.report.data), dates(&later.report.data));
        let changed: Vec<String> =
            now.difference(&before).map(|(name, date)| format!("{name} of {date}")).collect();
        let what = match changed.is_empty() {
            true => "the advisories or how they are matched".to_owned(),
            false => changed.join(", "),
        };
        (Cause::FeedChanged, format!("still {version}; changed: {what}"))
    }

    fn otherwise(&self, later: &Self) -> (Cause, String) {
        let (was, is) = (&self.report.target, &later.report.target);
        let tools = (&self.report.tool.version, &later.report.tool.version);
        let why = if was.digest != is.digest || was.layers != is.layers {
            "the content is another one".to_owned()
        } else if tools.0 != tools.1 {
            format!("looked at by version {} instead of {}", tools.1, tools.0)
        } else {
            "the content, or what was asked for, is another one".to_owned()
        };
        (Cause::TargetChanged, why)
    }
}

fn listed(versions: &BTreeSet<&str>) -> String {
    const TOLD: usize = 3;
    let told: Vec<&str> = versions.iter().take(TOLD).copied().collect();
    match versions.len().saturating_sub(TOLD) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told.join(", ")),
    }
}
