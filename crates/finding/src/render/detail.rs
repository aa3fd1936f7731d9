//! A finding in sentences, for the forms that have room for a text each.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    DataSource, Evidence, Exploited, Finding, PackageEvidence, RemedyState, Report, Status,
    VexStatement, Waiver,
};

/// One line that says what is the case, never empty.
pub(super) fn title(finding: &Finding) -> String {
    if finding.title.trim().is_empty() {
        format!("{}: {}", finding.rule, finding.subject)
    } else {
        finding.title.clone()
    }
}

/// One line for each piece of evidence, then the fix.
pub(super) fn lines(finding: &Finding) -> Vec<String> {
    let mut lines: Vec<String> = attacks(finding).into_iter().collect();
    lines.extend(finding.evidence.iter().map(observation));
    let said = finding.context.iter().flat_map(|context| &context.vex);
    lines.extend(said.map(closed));
    lines.extend(finding.fix.iter().map(|fix| format!("fix: {}", fix.summary)));
    lines
}

/// What is known of attacks, in a sentence.
fn attacks(finding: &Finding) -> Option<String> {
    let context = finding.context.as_ref()?;
    let exploited = context.exploited.as_ref().map(|Exploited { since, ransomware }| {
        let by = if *ransomware { ", also by ransomware" } else { "" };
        format!("known to be exploited since {since}{by}")
    });
    let likely = context.epss.map(|epss| {
        let (probability, rank) = (epss.probability.percent(), epss.percentile.percent());
        format!("{probability} likely to be exploited within 30 days (more than {rank} of all)")
    });
    let parts: Vec<String> = exploited.into_iter().chain(likely).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn observation(evidence: &Evidence) -> String {
    if let Some(package) = &evidence.package {
        return affected(package, &evidence.location);
    }
    let mut line = evidence.saw.clone();
    if !evidence.location.is_empty() {
        line = format!("{}: {line}", evidence.location);
    }
    if !evidence.wanted.is_empty() {
        line = format!("{line}; wanted: {}", evidence.wanted);
    }
    line
}

fn affected(package: &PackageEvidence, location: &str) -> String {
    let PackageEvidence { name, version, source, advisory, .. } = package;
    let mut line = format!("{name} {version}");
    if !location.is_empty() {
        line.push_str(&format!(" in {location}"));
    }
    line.push_str(", ");
    if source.name != *name || source.version != *version {
        line.push_str(&format!("built from {} {}, ", source.name, source.version));
    }
    line.push_str(&match (package.remedy, &package.fixed_version) {
        (_, Some(fixed)) => format!("is fixed in {fixed}"),
        (RemedyState::Fixed, None) => "is fixed in a later version".to_owned(),
        (RemedyState::Unfixed, None) => "has no fix yet".to_owned(),
        (RemedyState::Deferred, None) => "has its fix deferred by the distribution".to_owned(),
        (RemedyState::WontFix, None) => "will not be fixed by the distribution".to_owned(),
        (RemedyState::EndOfLife, None) => "is no longer supported".to_owned(),
        (RemedyState::Unknown, None) => "is not known to have a fix".to_owned(),
    });
    format!("{line} ({advisory})")
}

/// Who lives with a finding, until when and why.
pub(super) fn waived(waiver: &Waiver) -> String {
    format!("waived by {} until {}: {}", waiver.owner, waiver.last_day(), waiver.reason)
}

/// What a statement says, and why.
pub(super) fn closed(statement: &VexStatement) -> String {
    let VexStatement { document, status, .. } = statement;
    let reason = statement.reason();
    let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
    format!("{document} says {}{reason}", status.name())
}

/// Why something could not be looked at; `None` for what could.
pub(super) fn gap(finding: &Finding) -> Option<&str> {
    match &finding.status {
        Status::Unknown { gap } => Some(gap),
        _ => None,
    }
}

/// The date and age of a source of advisory data, with a warning where that matters.
pub(super) fn data(source: &DataSource) -> String {
    let DataSource { name, date, records, .. } = source;
    format!("{name} of {date}, {}, {records} records", age(source.age_days))
}

pub(super) fn age(days: i64) -> String {
    match days {
        0 => "of today".to_owned(),
        1 => "1 day old".to_owned(),
        days if days < 0 => format!("{} days in the future", days.unsigned_abs()),
        days => format!("{days} days old"),
    }
}

/// What is wrong with the age of the advisory data, one sentence a source.
pub(super) fn data_warnings(report: &Report) -> Vec<String> {
    // The table of Kubernetes versions comes with the program.
    let update = if report.target.kind == "kubernetes" {
        "use a newer Cofferdam"
    } else {
        "update it with 'cofferdam db update'"
    };
    let warning = |source: &DataSource| {
        let (name, age) = (&source.name, age(source.age_days));
        if source.is_stale() {
            Some(format!(
                "the data of {name} is {age}: vulnerabilities published since are missing; {update}"
            ))
        } else if source.age_days < 0 {
            Some(format!("the data of {name} is dated {age}; check the clock of this machine"))
        } else {
            None
        }
    };
    report.data.iter().filter_map(warning).collect()
}

/// When the report was made, if it says so in the way it should.
pub(super) fn created(report: &Report) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(&report.created, &Rfc3339)
        .ok()
        .and_then(|created| created.checked_to_offset(time::UtcOffset::UTC))
}
