//! From states to findings.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::{
    Applicability, Context, Evidence, Explanation, Finding, Fingerprint, Fix, Package,
    PackageEvidence, PackageKind, Reference, RemedyState, Rule, Severity, Status, Topic,
};

use super::{
    Matches, Matching,
    severity::{Opinions, choose},
    verdict::{Combined, State},
};
use crate::database::{DatabaseError, End, Range, Row, Stance, Text, Texts};

/// Turns what was found out into findings, rules, gaps and counts.
pub(super) fn present(
    matching: Matching<'_>,
    to: &mut Matches,
    rules: &mut BTreeMap<String, Rule>,
) -> Result<(), DatabaseError> {
    let texts = matching.database.texts();
    for ((vulnerability, source), packages) in &matching.states {
        let Some((_, worst)) = packages.iter().max_by_key(|(_, c)| rank(&c.state)) else {
            continue;
        };
        to.counts.add(&worst.state);
        let affected: Vec<_> =
            packages.iter().filter(|(_, c)| matches!(c.state, State::Affected { .. })).collect();
        if affected.is_empty() {
            continue;
        }
        let case = Case::new(&matching, &texts, *vulnerability, source, affected)?;
        to.findings.push(case.finding(&matching)?);
        let rule = case.rule(matching.ecosystem.name);
        let known = rules.entry(case.id.clone()).or_insert_with(|| rule);
        known.severity = known.severity.max(case.severity);
    }
    to.gaps.extend(matching.gaps);
    Ok(())
}

fn rank(state: &State<'_>) -> u8 {
    match state {
        State::NotAffected => 0,
        State::Fixed => 1,
        State::Affected { fixed: Some(_), .. } => 2,
        State::Affected { fixed: None, .. } => 3,
    }
}

/// A vulnerability of a source package that is installed in a vulnerable version.
struct Case<'a> {
    id: String,
    source: &'a str,
    text: Text,
    updates: Vec<(String, Text)>,
    severity: Severity,
    rated: String,
    context: Option<Box<Context>>,
    packages: Vec<&'a (&'a Package, Combined<'a>)>,
}

impl<'a> Case<'a> {
    fn new(
        matching: &Matching<'_>,
        texts: &Texts<'_>,
        vulnerability: u32,
        source: &'a str,
        packages: Vec<&'a (&'a Package, Combined<'a>)>,
    ) -> Result<Self, DatabaseError> {
        let id = matching.database.record(vulnerability)?.id.into_owned();
        let text = texts.get(vulnerability)?;
        let records: BTreeSet<u32> =
            packages.iter().flat_map(|(_, c)| c.records.iter().copied()).collect();
        let mut updates = Vec::new();
        let mut of_updates = None;
        for record in records.into_iter().filter(|record| *record != vulnerability) {
            let update = matching.database.record(record)?;
            of_updates = of_updates.max(update.rating);
            updates.push((update.id.into_owned(), texts.get(record)?));
        }
        let all_vectors = updates.iter().flat_map(|(_, text)| &text.vectors);
        let opinions = Opinions {
            of_package: packages.iter().filter_map(|(_, c)| c.row.rating).max(),
            vectors: text.vectors.iter().map(String::as_str).collect(),
            of_updates,
            vectors_of_updates: all_vectors.map(String::as_str).collect(),
            rater: rater(matching.ecosystem.name),
        };
        let (severity, rated) = choose(&opinions);
        let context = matching.database.threat(vulnerability)?.map(Box::new);
        Ok(Self { id, source, text, updates, severity, rated, context, packages })
    }

    /// What has the vulnerability. Names of languages say which, as they may be those of others.
    fn subject(&self) -> String {
        let kind = self.packages.first().map(|(package, _)| package.kind);
        match kind.filter(|kind| !kind.is_of_distribution()) {
            Some(kind) => format!("{}:{}", kind.name(), self.source),
            None => self.source.to_owned(),
        }
    }

    fn title(&self) -> String {
        if self.text.title.is_empty() { self.id.clone() } else { self.text.title.clone() }
    }

    fn finding(&self, matching: &Matching<'_>) -> Result<Finding, DatabaseError> {
        let mut evidence = Vec::new();
        for (package, combined) in &self.packages {
            let record = matching.database.record(combined.decisive)?.id;
            let advisory =
                format!("{record} ({}: {})", matching.ecosystem.name, versions(&combined.row));
            evidence.push(evidence_of(package, combined, advisory));
        }
        Ok(Finding {
            rule: self.id.clone().into(),
            subject: self.subject(),
            title: self.title(),
            status: Status::Fail,
            severity: self.severity,
            evidence,
            fix: self.fix(),
            context: self.context.clone(),
            fingerprint: Fingerprint::of(&self.id, &self.subject()),
        })
    }

    /// The command that installs the fixed versions of the packages that have one.
    fn fix(&self) -> Option<Fix> {
        let fixable = self.packages.iter().filter_map(|(package, combined)| match combined.state {
            State::Affected { fixed: Some(fixed), .. } => Some((package, fixed)),
            _ => None,
        });
        let (package, fixed) = fixable.clone().next()?;
        let names: BTreeSet<&str> = fixable.map(|(package, _)| package.name.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let Some(command) = command(package.kind) else {
            return Some(self.fix_of_language(package, fixed));
        };
        let summary =
            format!("upgrade {} to {fixed} or later: {command} {}", self.source, names.join(" "));
        Some(Fix { summary, edits: Vec::new(), applicability: Applicability::Manual })
    }

    fn fix_of_language(&self, package: &Package, fixed: &str) -> Fix {
        let summary = match (package.kind, package.name.as_str(), &package.owner) {
            (PackageKind::Golang, "stdlib", _) => {
                format!("build the program again with Go {fixed} or later")
            }
            (_, _, Some(owner)) => format!("upgrade {owner}, which has {} in it", self.source),
            _ => format!("upgrade {} to {fixed} or later", self.source),
        };
        Fix { summary, edits: Vec::new(), applicability: Applicability::Manual }
    }

    fn rule(&self, ecosystem: &str) -> Rule {
        let what = match self.text.title.as_str() {
            "" => format!("{} in a package of {ecosystem}.", self.id),
            title => format!("{}: {title}.", self.id),
        };
        Rule {
            id: self.id.clone().into(),
            title: self.title().into(),
            severity: self.severity,
            topic: Topic::Vulnerability,
            explain: Explanation {
                what: what.into(),
                why: format!("The vulnerability is {}.", self.rated).into(),
                fix: "Upgrade the package to the fixed version and build the image again. Where \
                      there is no fixed version yet, see the distribution's page for a \
                      workaround, remove the package if nothing needs it, or write a waiver \
                      that says why it does not matter here."
                    .into(),
            },
            references: self.references(ecosystem).into(),
        }
    }

    fn references(&self, ecosystem: &str) -> Vec<Reference> {
        let mut all = Vec::new();
        let mut add = |system: &str, id: String| {
            let reference = Reference { system: system.to_owned().into(), id: id.into() };
            if !all.contains(&reference) {
                all.push(reference);
            }
        };
        if self.id.starts_with("CVE-") {
            add("CVE", self.id.clone());
        }
        if let Some(page) = page(ecosystem, &self.id) {
            add("URL", page);
        }
        self.updates.iter().for_each(|(id, _)| add("advisory", id.clone()));
        self.text.aliases.iter().for_each(|alias| add("alias", alias.clone()));
        let texts = [&self.text].into_iter().chain(self.updates.iter().map(|(_, text)| text));
        texts.flat_map(|text| &text.references).for_each(|url| add("URL", url.clone()));
        all
    }
}

/// The command of a package manager that upgrades the packages whose names follow.
pub(super) const fn command(kind: PackageKind) -> Option<&'static str> {
    Some(match kind {
        PackageKind::Deb => "apt-get update && apt-get install --only-upgrade",
        PackageKind::Apk => "apk upgrade --update-cache",
        PackageKind::Rpm => "dnf upgrade",
        PackageKind::Alpm => "pacman -Syu",
        _ => return None,
    })
}

/// Who rates advisories of an ecosystem.
fn rater(ecosystem: &str) -> &'static str {
    if is_language(ecosystem) { "its publisher" } else { "the distribution" }
}

fn is_language(ecosystem: &str) -> bool {
    PackageKind::ALL.into_iter().any(|kind| super::ecosystem_of(kind) == Some(ecosystem))
}

/// Where the distribution says what it knows about a vulnerability.
fn page(ecosystem: &str, id: &str) -> Option<String> {
    if is_language(ecosystem) {
        return Some(format!("https://osv.dev/vulnerability/{id}"));
    }
    let distribution = ecosystem.split(':').next()?;
    let base = match distribution {
        "Debian" => "https://security-tracker.debian.org/tracker/",
        "Alpine" => "https://security.alpinelinux.org/vuln/",
        "AlmaLinux" | "Rocky Linux" | "Red Hat" => "https://access.redhat.com/security/cve/",
        _ => return None,
    };
    id.starts_with("CVE-").then(|| format!("{base}{id}"))
}

fn evidence_of(package: &Package, combined: &Combined<'_>, advisory: String) -> Evidence {
    let (remedy, fixed) = match combined.state {
        State::Affected { fixed: Some(fixed), .. } => (RemedyState::Fixed, Some(fixed)),
        State::Affected { last_affected: Some(_), .. } => (RemedyState::Unknown, None),
        _ => (unfixed(&combined.row), None),
    };
    Evidence {
        location: package.location.clone(),
        saw: format!("{} {}", package.name, package.version),
        wanted: fixed.map(|fixed| format!("{fixed} or later")).unwrap_or_default(),
        line: None,
        package: Some(PackageEvidence {
            purl: package.purl.clone(),
            name: package.name.clone(),
            version: package.version.clone(),
            source: package.source.clone(),
            remedy,
            fixed_version: fixed.map(str::to_owned),
            advisory,
            layer: package.layer.clone(),
        }),
    }
}

/// What the distribution does about what it has not fixed.
fn unfixed(row: &Row<&str>) -> RemedyState {
    match row.stance {
        _ if row.support_ended => RemedyState::EndOfLife,
        Some(Stance::NoAdvisory | Stance::Postponed) => RemedyState::Deferred,
        Some(Stance::Ignored) => RemedyState::WontFix,
        Some(Stance::Undetermined) => RemedyState::Unknown,
        None => RemedyState::Unfixed,
    }
}

/// The affected versions of a row: `< 3.0.15-1~deb12u1`, `>= 1.1, < 1.2`.
pub(super) fn versions(row: &Row<&str>) -> String {
    let mut text = row.ranges.iter().map(range).collect::<Vec<_>>().join("; ");
    if row.support_ended {
        text.push_str("; no longer supported");
    }
    if let Some(stance) = row.stance {
        text.push_str("; ");
        text.push_str(stance.text());
    }
    text
}

fn range(range: &Range<&str>) -> String {
    let from = range.introduced.map(|version| format!(">= {version}"));
    let to = match range.end {
        End::Open => None,
        End::Fixed(version) => Some(format!("< {version}")),
        End::LastAffected(version) => Some(format!("<= {version}")),
    };
    match (from, to) {
        (None, None) => "all versions".to_owned(),
        (from, to) => from.into_iter().chain(to).collect::<Vec<_>>().join(", "),
    }
}
