use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use cofferdam_finding::{
    Baseline, Cause, Change, Context, Decision, Epss, Evidence, ExitStatus, Exploited, Finding,
    Policy, Severity, Status, Waivers, decide, diff,
};
use proptest::prelude::*;

use crate::{
    sample::{self, TARGET, TODAY, affected},
    strategies::{finding, findings, policy, severity, waiver, waivers},
};

fn fail(severity: Severity) -> Finding {
    sample::finding("CVE-2025-1", "openssl", severity, "")
}

fn gap() -> Finding {
    let status = Status::Unknown { gap: "unreadable".to_owned() };
    Finding { status, ..sample::finding("coverage", "etc", Severity::Critical, "") }
}

fn with(findings: Vec<Finding>, policy: Policy) -> Decision {
    decide(TARGET, findings, &Waivers::default(), &policy, TODAY)
}

fn waived_by(waivers: &str, findings: Vec<Finding>) -> Decision {
    let waivers = Waivers::parse(waivers).unwrap();
    let policy = Policy { fail_on: Some(Severity::Unknown), strict: true };
    decide(TARGET, findings, &waivers, &policy, TODAY)
}

/// A waiver that has these lines beside the ones that every waiver has.
fn waiver_with(lines: &str) -> String {
    format!("[[waiver]]\nreason = 'r'\nowner = 'o'\n{lines}\n")
}

#[test]
fn the_verdict_is_the_worst_that_the_policy_asks_for() {
    use ExitStatus::{Findings, Incomplete, Success};
    use Severity::{Critical, High, Info, Low, Unknown};
    for (fail_on, strict, findings, expected) in [
        (None, false, vec![fail(Critical), gap()], Success),
        (None, true, vec![fail(Critical)], Success),
        (None, true, vec![fail(Critical), gap()], Incomplete),
        (Some(High), false, vec![fail(High)], Findings),
        (Some(High), false, vec![fail(Critical)], Findings),
        (Some(Critical), false, vec![fail(High)], Success),
        // A gap's severity is no failure's.
        (Some(Low), false, vec![gap()], Success),
        (Some(Low), true, vec![gap()], Incomplete),
        // Findings win over incomplete evidence.
        (Some(High), true, vec![gap(), fail(High)], Findings),
        (Some(High), true, vec![gap(), fail(Low)], Incomplete),
        // What nobody has rated is below everything.
        (Some(Info), false, vec![fail(Unknown)], Success),
        (Some(Unknown), false, vec![fail(Unknown)], Findings),
        (Some(Unknown), true, vec![], Success),
        (Some(Unknown), false, vec![Finding { status: Status::Pass, ..fail(High) }], Success),
    ] {
        let policy = Policy { fail_on, strict };
        let verdict = with(findings.clone(), policy).verdict;
        assert_eq!(verdict, expected, "{policy:?} on {findings:#?}");
    }
}

#[test]
fn exit_codes_are_what_the_reference_says() {
    let page =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/exit-codes.md"));
    for (status, code) in [
        (ExitStatus::Success, 0),
        (ExitStatus::Findings, 1),
        (ExitStatus::Error, 2),
        (ExitStatus::Incomplete, 3),
    ] {
        assert_eq!(status.code(), code);
        let name = serde_json::to_value(status).unwrap();
        let row = format!("| {code} | `{}` |", name.as_str().unwrap());
        assert!(page.contains(&row), "no row '{row}' in docs/reference/exit-codes.md");
    }
}

#[test]
fn a_waiver_holds_through_its_last_day() {
    for (expires, holds) in [("2026-11-22", false), ("2026-11-23", true), ("2026-11-24", true)] {
        let waiver = waiver_with(&format!("rule = 'CVE-2025-1'\nexpires = '{expires}'"));
        let decision = waived_by(&waiver, vec![fail(Severity::High)]);
        assert_eq!(decision.waived.len(), usize::from(holds), "{expires}");
        assert_eq!(decision.findings.len(), usize::from(!holds), "{expires}");
        assert_eq!(decision.expired_waivers.len(), usize::from(!holds), "{expires}");
        assert_eq!(decision.unused_waivers.len(), 0, "{expires}");
        let verdict = if holds { ExitStatus::Success } else { ExitStatus::Findings };
        assert_eq!(decision.verdict, verdict, "{expires}");
    }
}

#[test]
fn a_waiver_covers_what_its_patterns_match() {
    for (lines, covers) in [
        ("rule = 'CVE-2025-1'", true),
        ("rule = 'CVE-2025-10'", false),
        ("rule = 'cve-2025-1'", false),
        ("rule = 'CVE-2025-*'", true),
        ("rule = 'CVE-2024-*'", false),
        ("rule = 'CVE-2025-1'\nsubject = 'openssl'", true),
        ("rule = 'CVE-2025-1'\nsubject = 'open*'", true),
        ("rule = 'CVE-2025-1'\nsubject = 'ssl'", false),
        ("rule = '*'\nsubject = 'openssl'", true),
        ("rule = 'CVE-2025-1'\ntarget = 'oci:*'", true),
    ] {
        let waiver = waiver_with(&format!("{lines}\nexpires = 2027-01-01"));
        let decision = waived_by(&waiver, vec![fail(Severity::High)]);
        assert_eq!(decision.waived.len(), usize::from(covers), "{lines}");
        assert_eq!(decision.unused_waivers.len(), usize::from(!covers), "{lines}");
    }
}

#[test]
fn a_waiver_for_another_target_is_neither_used_nor_unused_nor_expired() {
    for expires in ["2020-01-01", "2027-01-01"] {
        let lines = format!("rule = 'CVE-2025-1'\ntarget = 'dir:*'\nexpires = '{expires}'");
        let decision = waived_by(&waiver_with(&lines), vec![fail(Severity::High)]);
        assert_eq!(decision.findings.len(), 1);
        assert_eq!(decision.expired_waivers, []);
        assert_eq!(decision.unused_waivers, []);
    }
}

#[test]
fn the_first_of_several_waivers_is_reported_and_none_is_unused() {
    let first = waiver_with("rule = 'CVE-*'\nexpires = 2027-01-01");
    let second = waiver_with("rule = 'CVE-2025-1'\nexpires = 2027-01-02");
    for (file, expected) in
        [(format!("{first}{second}"), "CVE-*"), (format!("{second}{first}"), "CVE-2025-1")]
    {
        let decision = waived_by(&file, vec![fail(Severity::High)]);
        assert_eq!(decision.waived[0].waiver.rule, expected);
        assert_eq!(decision.unused_waivers, []);
    }
}

#[test]
fn a_gap_can_be_waived_and_a_pass_cannot() {
    let waiver = waiver_with("rule = 'coverage'\nexpires = 2027-01-01");
    let decision = waived_by(&waiver, vec![gap()]);
    assert_eq!((decision.waived.len(), decision.summary.gaps), (1, 0));
    assert_eq!(decision.verdict, ExitStatus::Success);

    let passed = waived_by(&waiver, vec![Finding { status: Status::Pass, ..gap() }]);
    assert_eq!((passed.waived.len(), passed.unused_waivers.len()), (0, 1));
}

#[test]
fn findings_are_sorted_worst_first_and_by_package() {
    let order: Vec<String> =
        sample::report().decision.findings.iter().map(|finding| finding.rule.to_string()).collect();
    assert_eq!(
        order,
        [
            "CVE-2025-2002",
            "CVE-2025-999",
            "CVE-2025-10000",
            "CVE-2025-3",
            "image-user-root",
            "CVE-2026-70001",
            "coverage-unreadable",
            "image-no-secrets",
            "image-healthcheck",
        ]
    );
}

#[test]
fn findings_of_one_cause_are_one_row_with_all_evidence() {
    let evidence = |name| vec![affected(name, "glibc", "2.36", "2.37")];
    let libc6 = Finding { evidence: evidence("libc6"), ..fail(Severity::Low) };
    let libc_bin = Finding { evidence: evidence("libc-bin"), ..fail(Severity::High) };
    let decision = with(vec![libc6.clone(), libc_bin, libc6], Policy::default());
    let [row] = decision.findings.as_slice() else { panic!("{:#?}", decision.findings) };
    assert_eq!(row.severity, Severity::High);
    let names: Vec<&str> = row.evidence.iter().map(|one| one.saw.as_str()).collect();
    assert_eq!(names, ["libc-bin 2.36", "libc6 2.36"]);
    assert_eq!((decision.summary.high, decision.summary.low, decision.summary.fixable), (1, 0, 1));
}

#[test]
fn a_failure_does_not_hide_a_gap_of_the_same_rule_and_subject() {
    let unknown = Finding { status: gap().status, ..fail(Severity::Low) };
    let policy = Policy { fail_on: Some(Severity::High), strict: true };
    let decision = with(vec![fail(Severity::Low), unknown], policy);
    assert_eq!((decision.findings.len(), decision.summary.gaps), (2, 1));
    assert_eq!(decision.verdict, ExitStatus::Incomplete);
}

#[test]
fn gaps_of_one_object_keep_every_reason() {
    let gap = |why: &str| Finding { status: Status::Unknown { gap: why.to_owned() }, ..gap() };
    for (reasons, expected) in [
        (vec!["too large", "cut off", "too large"], "cut off; too large"),
        (vec!["e", "d", "c", "b", "a"], "a; b; c; and 2 more"),
    ] {
        let gaps = reasons.iter().map(|why| gap(why)).collect();
        let row = &with(gaps, Policy::default()).findings[0];
        assert_eq!(row.status, Status::Unknown { gap: expected.to_owned() });
        for reason in reasons {
            assert!(row.evidence.iter().any(|one| one.saw == reason), "{reason}: {row:#?}");
        }
    }
}

#[test]
fn a_hundred_thousand_gaps_of_one_file_are_merged_in_no_time() {
    let gap = |number: usize| Finding {
        status: Status::Unknown { gap: format!("entry {number} does not parse") },
        ..gap()
    };
    let gaps: Vec<Finding> = (0..100_000).map(gap).collect();
    let start = Instant::now();
    let decision = with(gaps, Policy::default());
    assert_eq!((decision.summary.gaps, decision.findings[0].evidence.len()), (1, 100_000));
    // Seconds even without optimisation; comparing each with each takes hours.
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn advice_on_a_package_without_a_fixed_version_is_no_fix() {
    let mut finding = fail(Severity::High);
    finding.fix = sample::findings().into_iter().find_map(|finding| finding.fix);
    assert_eq!(with(vec![finding.clone()], Policy::default()).summary.fixable, 1);
    finding.evidence = vec![affected("libssl3", "openssl", "3", "")];
    assert_eq!(with(vec![finding], Policy::default()).summary.fixable, 0);
}

/// How bad a verdict is.
fn badness(verdict: ExitStatus) -> u8 {
    match verdict {
        ExitStatus::Success => 0,
        ExitStatus::Incomplete => 1,
        ExitStatus::Findings => 2,
        ExitStatus::Error => panic!("a decision never is an error"),
    }
}

/// What must stay of a set of findings: each cause, known and unknown apart, with the evidence of
/// its failures and gaps.
fn causes(findings: &[Finding]) -> BTreeMap<(String, String, bool), Vec<Evidence>> {
    let mut causes: BTreeMap<_, Vec<Evidence>> = BTreeMap::new();
    for finding in findings {
        let unknown = matches!(finding.status, Status::Unknown { .. });
        let key = (finding.rule.to_string(), finding.subject.clone(), unknown);
        let evidence = causes.entry(key).or_default();
        if unknown || finding.status == Status::Fail {
            evidence.extend(finding.evidence.clone());
        }
    }
    for evidence in causes.values_mut() {
        evidence.sort();
        evidence.dedup();
    }
    causes
}

fn output(decision: &Decision) -> Vec<Finding> {
    let waived = decision.waived.iter().map(|waived| &waived.finding);
    decision.findings.iter().chain(waived).cloned().collect()
}

proptest! {
    #[test]
    fn the_order_of_findings_does_not_matter(
        (findings, shuffled) in findings().prop_flat_map(|findings| {
            (Just(findings.clone()), Just(findings).prop_shuffle())
        }),
        waivers in waivers(),
        policy in policy(),
    ) {
        prop_assert_eq!(
            decide(TARGET, findings, &waivers, &policy, TODAY),
            decide(TARGET, shuffled, &waivers, &policy, TODAY)
        );
    }

    #[test]
    fn nothing_is_lost(findings in findings(), waivers in waivers(), policy in policy()) {
        let decision = decide(TARGET, findings.clone(), &waivers, &policy, TODAY);
        let causes = causes(&findings);
        prop_assert_eq!(decision.findings.len() + decision.waived.len(), causes.len());
        let after = self::causes(&output(&decision));
        prop_assert!(after.keys().eq(causes.keys()));
        let gaps: Vec<Status> = findings.iter().map(|finding| finding.status.clone()).collect();
        for (cause, evidence) in &after {
            prop_assert!(causes[cause].iter().all(|one| evidence.contains(one)));
            // What is more is the reasons of gaps, and nothing made up.
            for more in evidence.iter().filter(|one| !causes[cause].contains(one)) {
                let gap = Status::Unknown { gap: more.saw.clone() };
                prop_assert!(gaps.contains(&gap));
            }
        }
        let summary = &decision.summary;
        prop_assert_eq!(
            summary.failures() + summary.gaps + summary.passed + summary.not_applicable,
            decision.findings.len()
        );
        prop_assert_eq!(summary.waived, decision.waived.len());
        prop_assert!(summary.fixable <= summary.failures());
    }

    #[test]
    fn a_cause_is_as_bad_as_its_worst_finding(findings in findings(), policy in policy()) {
        let decision = with(findings.clone(), policy);
        for finding in findings.iter().filter(|finding| finding.status == Status::Fail) {
            let row = decision.findings.iter().find(|row| {
                row.status == Status::Fail
                    && row.rule == finding.rule
                    && row.subject == finding.subject
            });
            prop_assert!(row.is_some_and(|row| row.severity >= finding.severity));
        }
    }

    #[test]
    fn deciding_again_changes_nothing(
        findings in findings(), waivers in waivers(), policy in policy(),
    ) {
        let decision = decide(TARGET, findings, &waivers, &policy, TODAY);
        let again = decide(TARGET, output(&decision), &waivers, &policy, TODAY);
        prop_assert_eq!(again, decision);
    }

    #[test]
    fn waiving_more_never_makes_the_verdict_worse(
        findings in findings(), waivers in waivers(), more in waiver(), policy in policy(),
    ) {
        let before = decide(TARGET, findings.clone(), &waivers, &policy, TODAY);
        let mut all = waivers;
        all.0.push(more);
        let after = decide(TARGET, findings, &all, &policy, TODAY);
        prop_assert!(badness(after.verdict) <= badness(before.verdict));
        prop_assert!(after.waived.len() >= before.waived.len());
    }

    #[test]
    fn finding_more_never_makes_the_verdict_better(
        findings in findings(), more in finding(), waivers in waivers(), policy in policy(),
    ) {
        let before = decide(TARGET, findings.clone(), &waivers, &policy, TODAY);
        let mut all = findings;
        all.push(more);
        let after = decide(TARGET, all, &waivers, &policy, TODAY);
        prop_assert!(badness(after.verdict) >= badness(before.verdict));
    }

    #[test]
    fn a_stricter_policy_never_makes_the_verdict_better(
        findings in findings(), waivers in waivers(), one in severity(), other in severity(),
    ) {
        let verdict = |fail_on, strict| {
            let policy = Policy { fail_on, strict };
            badness(decide(TARGET, findings.clone(), &waivers, &policy, TODAY).verdict)
        };
        let (low, high) = (one.min(other), one.max(other));
        for strict in [false, true] {
            prop_assert!(verdict(Some(low), strict) >= verdict(Some(high), strict));
            prop_assert!(verdict(Some(high), strict) >= verdict(None, strict));
        }
        prop_assert!(verdict(Some(low), true) >= verdict(Some(low), false));
    }

    #[test]
    fn every_waiver_of_the_target_is_accounted_for(findings in findings(), waivers in waivers()) {
        let decision = decide(TARGET, findings, &waivers, &Policy::default(), TODAY);
        for waiver in &waivers.0 {
            let expired = decision.expired_waivers.contains(waiver);
            let unused = decision.unused_waivers.contains(waiver);
            prop_assert_eq!(expired, waiver.concerns(TARGET) && waiver.is_expired(TODAY));
            let covers = output(&decision).iter().any(|finding| {
                matches!(finding.status, Status::Fail | Status::Unknown { .. })
                    && waiver.matches(finding)
            });
            prop_assert_eq!(unused, waiver.concerns(TARGET) && !expired && !covers);
        }
        for waived in &decision.waived {
            prop_assert!(waived.waiver.matches(&waived.finding));
            prop_assert!(!waived.waiver.is_expired(TODAY) && waived.waiver.concerns(TARGET));
        }
    }
}

#[test]
fn what_is_attacked_comes_first_however_severe_the_rest_is() {
    let one = |rule: &str, severity, exploited: bool, epss: &str| {
        let share = |text: &str| text.parse().unwrap();
        let context = Context {
            exploited: exploited
                .then(|| Exploited { since: "2025-01-01".to_owned(), ransomware: false }),
            epss: (!epss.is_empty())
                .then(|| Epss { probability: share(epss), percentile: share(epss) }),
            vex: Vec::new(),
        };
        let context = Some(Box::new(context));
        Finding { context, ..sample::finding(rule, "a", severity, "") }
    };
    let wanted = [
        one("exploited", Severity::Low, true, ""),
        one("likely", Severity::Medium, false, "0.10000"),
        one("severe-and-more-likely", Severity::Critical, false, "0.09999"),
        one("severe", Severity::Critical, false, "0.00100"),
        one("severe-without-score", Severity::Critical, false, ""),
        one("high", Severity::High, false, "0.09"),
    ];
    let mut findings = wanted.to_vec();
    findings.reverse();
    let decision = with(findings, Policy::default());
    let order: Vec<&str> = decision.findings.iter().map(|one| one.rule.as_ref()).collect();
    let wanted: Vec<&str> = wanted.iter().map(|one| one.rule.as_ref()).collect();
    assert_eq!(order, wanted);
    assert_eq!(decision.summary.exploited, 1);
}

#[test]
fn a_baseline_sets_aside_what_was_known_and_no_worse() {
    let one = |rule: &str, severity| sample::finding(rule, "openssl", severity, "");
    let before = [
        one("CVE-2025-1", Severity::High),
        one("CVE-2025-2", Severity::Low),
        one("CVE-2025-3", Severity::High),
        one("CVE-2025-4", Severity::High),
    ];
    let baseline = Baseline::of(&sample::report_of(before.to_vec()));
    let mut exploited = one("CVE-2025-3", Severity::High);
    let since = "2026-11-20".to_owned();
    exploited.context = Some(Box::new(Context {
        exploited: Some(Exploited { since, ransomware: false }),
        ..Context::default()
    }));
    let now = vec![
        one("CVE-2025-1", Severity::High),
        one("CVE-2025-2", Severity::Medium),
        exploited,
        one("CVE-2025-5", Severity::Low),
        gap(),
    ];
    let policy = Policy { fail_on: Some(Severity::High), strict: false };
    let decision = decide(TARGET, now, &Waivers::default(), &policy, TODAY);
    let decision = decision.against(&baseline, "before.json");
    let rules = |findings: &[Finding]| -> Vec<String> {
        findings.iter().map(|one| one.rule.to_string()).collect()
    };
    assert_eq!(rules(&decision.known), ["CVE-2025-1"]);
    assert_eq!(
        rules(&decision.findings),
        ["CVE-2025-3", "CVE-2025-2", "CVE-2025-5", "coverage"],
        "worse, or exploited since, is new"
    );
    assert_eq!(decision.summary.known, 1);
    assert_eq!(decision.summary.failures(), 3);
    assert_eq!(decision.verdict, ExitStatus::Findings);
    assert_eq!(decision.baseline.map(|used| used.gone), Some(1));
    let all_known = decide(
        TARGET,
        vec![one("CVE-2025-1", Severity::High)],
        &Waivers::default(),
        &policy,
        TODAY,
    );
    assert_eq!(all_known.against(&baseline, "x").verdict, ExitStatus::Success);
}

#[test]
fn a_report_differs_for_a_reason() {
    let package = |name: &str, version: &str| {
        let mut package = sample::report().packages[0].clone();
        package.name = name.to_owned();
        package.source.name = name.to_owned();
        package.source.version = version.to_owned();
        package
    };
    let report =
        |findings: &[(&str, &str)], packages: Vec<cofferdam_finding::Package>, date: &str| {
            let findings = findings
                .iter()
                .map(|(rule, subject)| sample::finding(rule, subject, Severity::High, ""));
            let mut report = sample::report_of(findings.collect());
            report.packages = packages;
            report.data.truncate(1);
            report.data[0].date = date.to_owned();
            report
        };
    let old = report(
        &[("CVE-1-1", "same"), ("CVE-1-2", "upgraded"), ("CVE-1-3", "removed"), ("CVE-1-4", "fed")],
        vec![
            package("same", "1"),
            package("upgraded", "1"),
            package("removed", "1"),
            package("fed", "1"),
        ],
        "2026-01-01",
    );
    let new = report(
        &[
            ("CVE-1-1", "same"),
            ("CVE-2-1", "added"),
            ("CVE-2-2", "fed"),
            ("CVE-2-3", "upgraded"),
            ("image-x", "config"),
        ],
        vec![
            package("same", "1"),
            package("upgraded", "2"),
            package("added", "1"),
            package("fed", "1"),
        ],
        "2026-02-01",
    );
    let diff = diff(&old, &new);
    let told = |changes: &[Change]| -> BTreeMap<String, Cause> {
        changes.iter().map(|change| (change.rule.clone(), change.cause)).collect()
    };
    assert_eq!(
        told(&diff.new),
        BTreeMap::from([
            ("CVE-2-1".to_owned(), Cause::PackageAdded),
            ("CVE-2-2".to_owned(), Cause::FeedChanged),
            ("CVE-2-3".to_owned(), Cause::PackageChanged),
            ("image-x".to_owned(), Cause::TargetChanged),
        ])
    );
    assert_eq!(
        told(&diff.gone),
        BTreeMap::from([
            ("CVE-1-2".to_owned(), Cause::PackageChanged),
            ("CVE-1-3".to_owned(), Cause::PackageRemoved),
            ("CVE-1-4".to_owned(), Cause::FeedChanged),
        ])
    );
    assert_eq!(told(&diff.unchanged), BTreeMap::from([("CVE-1-1".to_owned(), Cause::None)]));
    let fed = diff.new.iter().find(|change| change.subject == "fed").unwrap();
    assert_eq!(fed.why, "still 1; changed: debian-osv of 2026-02-01");
    let upgraded = diff.gone.iter().find(|change| change.subject == "upgraded").unwrap();
    assert_eq!(upgraded.why, "from 1 to 2");
}

proptest! {
    #[test]
    fn a_baseline_of_itself_leaves_nothing_new(findings in findings(), policy in policy()) {
        let mut report = sample::report_of(Vec::new());
        report.decision = decide(TARGET, findings, &Waivers::default(), &policy, TODAY);
        let open = |decision: &Decision| {
            decision.findings.iter().filter(|one| matches!(one.status, Status::Fail | Status::Unknown { .. })).count()
        };
        let all = open(&report.decision);
        let against = report.decision.clone().against(&Baseline::of(&report), "x");
        prop_assert_eq!(open(&against), 0);
        prop_assert_eq!(against.known.len(), all);
        prop_assert_eq!(against.verdict, ExitStatus::Success);
        let same = diff(&report, &report);
        prop_assert_eq!((same.new.len(), same.gone.len(), same.unchanged.len()), (0, 0, all));
    }
}
