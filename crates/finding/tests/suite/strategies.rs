//! Any finding, waiver and report, made so that they often have to do with each other.

use cofferdam_finding::{
    Applicability, Baseline, Context, DataSource, Decision, Edit, Epss, Evidence, Exploited,
    Finding, Fingerprint, Fix, PackageEvidence, Policy, RemedyState, Report, Severity, Share,
    SourcePackage, Status, SuppressedFinding, Target, VexStatement, VexStatus, VexUse, Waiver,
    Waivers, decide,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use time::{Date, Duration};

use crate::sample::{self, TODAY};

pub(crate) fn severity() -> impl Strategy<Value = Severity> {
    select(Severity::DESCENDING.to_vec())
}

/// Text with everything in it that some format has to escape.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        // Often the same, for what has to be distinct.
        3 => select(vec!["", "a", "a/b"]).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => "[ -~]{0,40}",
        1 => "[<>&\"'\\[\\](){}\\\\\x1b\u{9b}\u{202e}\u{feff}\u{ffff}\n日é ]{0,12}",
        1 => Just("word ".repeat(40)),
    ]
}

fn rule() -> impl Strategy<Value = String> {
    select(vec!["CVE-2025-1", "CVE-2025-20", "image-user", "coverage", "GHSA-jfh8-c2jp-5v3q"])
        .prop_map(str::to_owned)
}

fn subject() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["openssl", "openssh", "zlib"]).prop_map(str::to_owned),
        1 => text(),
    ]
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        4 => Just(Status::Fail),
        1 => Just(Status::Pass),
        1 => text().prop_map(|gap| Status::Unknown { gap }),
        1 => text().prop_map(|why| Status::NotApplicable { why }),
    ]
}

fn package() -> impl Strategy<Value = PackageEvidence> {
    let remedy = select(vec![
        RemedyState::Fixed,
        RemedyState::Unfixed,
        RemedyState::Deferred,
        RemedyState::WontFix,
        RemedyState::EndOfLife,
        RemedyState::Unknown,
    ]);
    (text(), text(), text(), text(), remedy, option::of(text())).prop_map(
        |(purl, name, version, source, remedy, fixed_version)| PackageEvidence {
            purl,
            name,
            source: SourcePackage { name: source, version: version.clone() },
            advisory: version.clone(),
            version,
            remedy,
            layer: fixed_version.clone(),
            fixed_version,
        },
    )
}

fn evidence() -> impl Strategy<Value = Evidence> {
    (text(), text(), text(), option::of(package())).prop_map(|(location, saw, wanted, package)| {
        Evidence { location, saw, wanted, package, line: None }
    })
}

fn fix() -> impl Strategy<Value = Fix> {
    let applicability =
        select(vec![Applicability::Safe, Applicability::Unsafe, Applicability::Manual]);
    let edit = (text(), 0..100usize, 0..100usize, text())
        .prop_map(|(file, start, end, replacement)| Edit { file, start, end, replacement });
    (text(), vec(edit, 0..3), applicability).prop_map(|(summary, edits, applicability)| Fix {
        summary,
        edits,
        applicability,
    })
}

fn share() -> impl Strategy<Value = Share> {
    (0..=100_000_u32).prop_map(|parts| Share::from_parts(parts).unwrap())
}

fn context() -> impl Strategy<Value = Context> {
    let exploited =
        (text(), any::<bool>()).prop_map(|(since, ransomware)| Exploited { since, ransomware });
    let epss =
        (share(), share()).prop_map(|(probability, percentile)| Epss { probability, percentile });
    (option::of(exploited), option::of(epss)).prop_map(|(exploited, epss)| Context {
        exploited,
        epss,
        vex: Vec::new(),
    })
}

pub(crate) fn finding() -> impl Strategy<Value = Finding> {
    let parts = (
        rule(),
        subject(),
        text(),
        status(),
        severity(),
        vec(evidence(), 0..3),
        option::of(fix()),
        option::of(context()),
    );
    parts.prop_map(|(rule, subject, title, status, severity, evidence, fix, context)| Finding {
        context: context.map(Box::new),
        fingerprint: Fingerprint::of(&rule, &subject),
        rule: rule.into(),
        subject,
        title,
        status,
        severity,
        evidence,
        fix,
    })
}

pub(crate) fn findings() -> impl Strategy<Value = Vec<Finding>> {
    vec(finding(), 0..8)
}

fn day() -> impl Strategy<Value = Date> {
    (-2..=2i64).prop_map(|days| TODAY + Duration::days(days))
}

pub(crate) fn waiver() -> impl Strategy<Value = Waiver> {
    let rule = prop_oneof![rule(), select(vec!["CVE-*", "*", "GHSA-*"]).prop_map(str::to_owned)];
    let subject = option::of(prop_oneof![subject(), Just("open*".to_owned())]);
    let target = option::of(select(vec!["oci:*", "dir:*", sample::TARGET]).prop_map(str::to_owned));
    (rule, subject, target, text(), text(), day()).prop_map(
        |(rule, subject, target, reason, owner, expires)| Waiver {
            rule,
            subject,
            target,
            reason,
            owner,
            justification: None,
            expires,
        },
    )
}

pub(crate) fn waivers() -> impl Strategy<Value = Waivers> {
    vec(waiver(), 0..5).prop_map(Waivers)
}

pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    (option::of(severity()), any::<bool>()).prop_map(|(fail_on, strict)| Policy { fail_on, strict })
}

fn decision() -> impl Strategy<Value = Decision> {
    let closed = vec((finding(), statement()), 0..3);
    let known = option::of(findings());
    (findings(), waivers(), policy(), closed, known).prop_map(
        |(findings, waivers, policy, closed, known)| {
            let mut decision = decide(sample::TARGET, findings, &waivers, &policy, TODAY);
            if !closed.is_empty() {
                let used = VexUse { statements: closed.len(), ..VexUse::default() };
                let closed = closed.into_iter();
                let closed =
                    closed.map(|(finding, statement)| SuppressedFinding { finding, statement });
                decision = decision.with_vex(closed.collect(), used);
            }
            if let Some(known) = known {
                let before = sample::report_of(known);
                decision = decision.against(&Baseline::of(&before), "before.json");
            }
            decision
        },
    )
}

fn statement() -> impl Strategy<Value = VexStatement> {
    let status = select(vec![VexStatus::NotAffected, VexStatus::Fixed]);
    (text(), text(), status, option::of(text())).prop_map(|(document, product, status, detail)| {
        VexStatement {
            vulnerability: product.clone(),
            document,
            product,
            status,
            justification: detail.clone(),
            timestamp: detail.clone(),
            detail,
        }
    })
}

fn data() -> impl Strategy<Value = DataSource> {
    (text(), text(), any::<i64>(), any::<u64>())
        .prop_map(|(name, date, age_days, records)| DataSource { name, date, age_days, records })
}

fn target() -> impl Strategy<Value = Target> {
    let optional = || option::of(text());
    (text(), text(), optional(), optional(), optional(), vec(text(), 0..3)).prop_map(
        |(name, kind, digest, platform, os, layers)| Target {
            name,
            kind,
            digest,
            platform,
            os,
            layers,
        },
    )
}

pub(crate) fn report() -> impl Strategy<Value = Report> {
    let created = prop_oneof![Just("2026-11-23T23:59:60.5+01:00".to_owned()), text()];
    (target(), created, vec(data(), 0..3), decision(), vec((rule(), text()), 0..4)).prop_map(
        |(target, created, data, decision, rules)| {
            let mut report = sample::report();
            let template = report.rules[0].clone();
            report.rules = rules
                .into_iter()
                .map(|(id, text)| {
                    let mut rule = template.clone();
                    rule.id = id.into();
                    rule.title = text.clone().into();
                    rule.explain.what = text.into();
                    rule
                })
                .collect();
            Report { target, created, data, decision, ..report }
        },
    )
}
