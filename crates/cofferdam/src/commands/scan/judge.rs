//! From facts to a report: pure, the clock included.

use std::collections::BTreeSet;

use cofferdam_finding::{
    DataSource, Finding, Gap, Policy, Report, Rule, SCHEMA_VERSION, Waivers, decide,
};
use cofferdam_posture::image::{self as posture, Image, Policy as ImagePolicy};
use cofferdam_vuln::{
    Distribution,
    database::{Database, DatabaseError, SourceInfo},
    license::{self, Policy as LicensePolicy},
    matching::{ecosystem_of, match_packages},
    rules::LICENSE_DENIED,
};
use time::{Date, OffsetDateTime};

use crate::{
    commands::rules, error::CliError, facts::Facts, reporting::from_gap, scanners::Scanners, stamp,
};

/// What was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    /// The kinds of analysis.
    pub(super) scanners: Scanners,
    /// What images have to satisfy.
    pub(super) policy: ImagePolicy,
    /// Which licences packages may have.
    pub(super) licenses: LicensePolicy,
}

/// What the facts amount to.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) findings: Vec<Finding>,
    pub(super) rules: Vec<Rule>,
    data: Vec<DataSource>,
}

impl Judged {
    /// Matches the packages with the advisories, if there are any to match with, and applies the
    /// rules on posture; `today` decides how old things are.
    pub(super) fn new(
        facts: &Facts,
        database: Option<&Database>,
        asked: &Asked,
        today: Date,
    ) -> Result<Self, DatabaseError> {
        let mut judged = Self::default();
        judged.add_gaps(facts.inventory.gaps.clone());
        if let Some(database) = database {
            let matches = match_packages(&facts.inventory, database, today)?;
            judged.findings.extend(matches.findings);
            judged.rules.extend(matches.rules);
            judged.data = data(facts, database, today)?;
            judged.add_gaps(matches.gaps);
        }
        judged.add_licenses(facts, asked);
        judged.add_posture(facts, asked, today);
        Ok(judged)
    }

    /// Licences that the policy does not allow.
    fn add_licenses(&mut self, facts: &Facts, asked: &Asked) {
        let (findings, gaps) = license::judge(&facts.inventory, &asked.licenses);
        if !findings.is_empty() {
            let denied = rules::own().filter(|rule| rule.id == LICENSE_DENIED);
            self.rules.extend(denied.cloned());
        }
        self.findings.extend(findings);
        self.add_gaps(gaps);
    }

    /// Secrets, and what is wrong with the configuration.
    fn add_posture(&mut self, facts: &Facts, asked: &Asked, today: Date) {
        let image = Image {
            configuration: facts.configuration.as_ref(),
            reference: facts.reference.as_ref(),
            digests: &facts.target.layers,
            layers: &facts.layers,
            policy: asked.policy.clone(),
        };
        let secrets = asked.scanners.secret.then(|| posture::secrets(&image));
        let configuration = asked.scanners.config.then(|| posture::configuration(&image, today));
        // A variable whose value is recognised as a secret needs no second row for its name.
        let known: BTreeSet<String> = secrets
            .iter()
            .flat_map(|(findings, _)| findings.iter().map(|one| one.subject.clone()))
            .collect();
        for (mut findings, gaps) in secrets.into_iter().chain(configuration) {
            let is_named = |one: &Finding| one.rule == posture::SECRET_VARIABLE;
            findings.retain(|one| !(is_named(one) && known.contains(&one.subject)));
            let named: BTreeSet<&str> = findings.iter().map(|one| one.rule.as_ref()).collect();
            let rules = rules::own().filter(|rule| named.contains(rule.id.as_ref()));
            self.rules.extend(rules.cloned());
            self.findings.extend(findings);
            self.add_gaps(gaps);
        }
    }

    /// Each gap is a finding of the rule that reports it.
    pub(super) fn add_gaps(&mut self, gaps: Vec<Gap>) {
        let named: BTreeSet<String> = gaps.iter().map(|gap| gap.rule.to_string()).collect();
        let own = rules::own().filter(|rule| named.contains(rule.id.as_ref()));
        let known: BTreeSet<_> = self.rules.iter().map(|rule| rule.id.clone()).collect();
        self.rules.extend(own.filter(|rule| !known.contains(&rule.id)).cloned());
        self.findings.extend(gaps.into_iter().map(from_gap));
    }
}

/// The sources that say something about the target's distribution and languages; all of them where
/// none does.
fn data(facts: &Facts, database: &Database, today: Date) -> Result<Vec<DataSource>, DatabaseError> {
    let of_distribution = facts.inventory.distribution.as_ref().and_then(Distribution::ecosystem);
    let kinds: BTreeSet<_> = facts.inventory.packages.iter().map(|package| package.kind).collect();
    let of_languages = kinds.into_iter().filter_map(ecosystem_of).map(str::to_owned);
    let mut names = BTreeSet::new();
    for name in of_distribution.into_iter().chain(of_languages) {
        if let Some(ecosystem) = database.ecosystem(&name)? {
            names.extend(ecosystem.sources().map(|source| source.name.clone()));
        }
    }
    let all = database.header().sources.iter();
    // Those without an ecosystem say what is known of attacks, whatever the package.
    let sources = all.filter(|source| {
        names.is_empty() || names.contains(&source.name) || source.ecosystems.is_empty()
    });
    let source = |source: &SourceInfo| DataSource {
        name: source.name.clone(),
        date: source.date.clone(),
        age_days: source.age_days(today).unwrap_or(i64::MAX),
        records: source.records,
    };
    Ok(sources.map(source).collect())
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
