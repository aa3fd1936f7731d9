//! From facts to a report: pure, the clock included.

use std::collections::BTreeSet;

use cofferdam_finding::{
    DataSource, Finding, Gap, Policy, Report, Rule, SCHEMA_VERSION, Severity, Waivers, decide,
};
use cofferdam_vuln::{
    Distribution,
    database::{Database, DatabaseError, SourceInfo},
    matching::match_packages,
};
use time::{Date, OffsetDateTime};

use crate::{commands::rules, error::CliError, facts::Facts, stamp};

/// What the facts amount to.
#[derive(Debug, Default)]
pub(super) struct Judged {
    findings: Vec<Finding>,
    rules: Vec<Rule>,
    data: Vec<DataSource>,
}

impl Judged {
    /// Matches the packages with the advisories; `today` decides how old those are.
    pub(super) fn new(
        facts: &Facts,
        database: &Database,
        today: Date,
    ) -> Result<Self, DatabaseError> {
        let matches = match_packages(&facts.inventory, database, today)?;
        let mut judged = Self {
            findings: matches.findings,
            rules: matches.rules,
            data: data(facts, database, today)?,
        };
        judged.add_gaps(facts.inventory.gaps.clone());
        judged.add_gaps(matches.gaps);
        Ok(judged)
    }

    /// Each gap is a finding of the rule that reports it.
    fn add_gaps(&mut self, gaps: Vec<Gap>) {
        let named: BTreeSet<String> = gaps.iter().map(|gap| gap.rule.to_string()).collect();
        let own = || rules::own().filter(|rule| named.contains(rule.id.as_ref()));
        self.rules.extend(own().cloned());
        self.findings.extend(gaps.into_iter().map(|gap| {
            let severity = own().find(|rule| rule.id == gap.rule).map(|rule| rule.severity);
            gap.into_finding(severity.unwrap_or(Severity::Medium))
        }));
    }
}

/// The sources that say something about the target's distribution; all of them where none does.
fn data(facts: &Facts, database: &Database, today: Date) -> Result<Vec<DataSource>, DatabaseError> {
    let name = facts.inventory.distribution.as_ref().and_then(Distribution::ecosystem);
    let ecosystem = match name {
        Some(name) => database.ecosystem(&name)?,
        None => None,
    };
    let sources: Vec<&SourceInfo> = match &ecosystem {
        Some(ecosystem) => ecosystem.sources().collect(),
        None => database.header().sources.iter().collect(),
    };
    let source = |source: &SourceInfo| DataSource {
        name: source.name.clone(),
        date: source.date.clone(),
        age_days: source.age_days(today).unwrap_or(i64::MAX),
        records: source.records,
    };
    Ok(sources.into_iter().map(source).collect())
}

/// The report at the time `now`.
pub(super) fn report(
    facts: Facts,
    judged: Judged,
    waivers: &Waivers,
    policy: &Policy,
    now: OffsetDateTime,
) -> Result<Report, CliError> {
    let decision = decide(&facts.target.name, judged.findings, waivers, policy, now.date());
    Ok(Report {
        schema_version: SCHEMA_VERSION,
        tool: stamp::tool(),
        created: stamp::time(now)?,
        target: facts.target,
        data: judged.data,
        packages: facts.inventory.packages,
        rules: judged.rules,
        decision,
    })
}
