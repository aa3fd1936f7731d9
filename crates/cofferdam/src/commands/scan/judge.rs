//! From facts to a report: pure, the clock included.

use std::collections::BTreeSet;

use cofferdam_finding::{
    DataSource, Finding, Gap, Policy, Report, Rule, SCHEMA_VERSION, Severity, Waivers, decide,
};
use time::OffsetDateTime;

use crate::{commands::rules, error::CliError, facts::Facts, stamp};

/// What the facts amount to.
#[derive(Debug, Default)]
pub(super) struct Judged {
    findings: Vec<Finding>,
    rules: Vec<Rule>,
    data: Vec<DataSource>,
}

impl Judged {
    pub(super) fn new(facts: &Facts) -> Self {
        let mut judged = Self::default();
        judged.add_gaps(facts.inventory.gaps.clone());
        judged
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
