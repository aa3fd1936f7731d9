use cofferdam_finding::{
    Report, Severity, Status,
    render::{Terminal, table},
};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

use crate::{sample, strategies};

fn shown(report: &Report, columns: usize, color: bool) -> String {
    let mut out = Vec::new();
    table(report, Terminal { columns, color }, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn everything_in_80_columns() {
    insta::assert_snapshot!(shown(&sample::report(), 80, false));
}

#[test]
fn everything_in_120_columns() {
    insta::assert_snapshot!(shown(&sample::report(), 120, false));
}

#[test]
fn colours_add_escape_sequences_and_nothing_else() {
    let (plain, coloured) =
        (shown(&sample::report(), 100, false), shown(&sample::report(), 100, true));
    let mut stripped = coloured.clone();
    for code in ["0", "1", "2", "31", "33", "34", "36", "1;31"] {
        stripped = stripped.replace(&format!("\x1b[{code}m"), "");
    }
    assert_eq!(stripped, plain);
    assert!(coloured.contains("\x1b[1;31mcritical\x1b[0m"));
    assert!(coloured.contains("\x1b[31mhigh\x1b[0m"));
}

#[test]
fn nothing_found_is_said_in_words() {
    let mut report = sample::report_of(Vec::new());
    report.decision.expired_waivers.clear();
    report.decision.unused_waivers.clear();
    report.data.clear();
    report.target.layers.clear();
    insta::assert_snapshot!(shown(&report, 80, false));
}

#[test]
fn old_data_is_warned_of_and_fresh_data_is_not() {
    for (age_days, warning) in [
        (30, None),
        (0, None),
        (31, Some("is 31 days old: vulnerabilities published since are missing")),
        (-2, Some("is dated 2 days in the future; check the clock")),
    ] {
        let mut report = sample::report();
        report.data.truncate(1);
        report.data[0].age_days = age_days;
        let text = shown(&report, 200, false);
        assert_eq!(text.contains("warning:"), warning.is_some(), "{age_days}: {text}");
        assert!(warning.is_none_or(|warning| text.contains(warning)), "{age_days}: {text}");
    }
}

#[test]
fn a_writer_that_fails_is_reported() {
    let mut short = [0_u8; 100];
    let error = table(&sample::report(), Terminal::default(), &mut short.as_mut_slice());
    assert_eq!(error.unwrap_err().kind(), std::io::ErrorKind::WriteZero);
}

proptest! {
    #[test]
    fn no_report_writes_what_a_terminal_acts_on(report in strategies::report()) {
        let text = shown(&report, 100, false);
        for character in text.chars().filter(|character| *character != '\n') {
            prop_assert!(!character.is_control(), "{character:?} in {text}");
            prop_assert!(
                !matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'),
                "{character:?} in {text}"
            );
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal(report in strategies::report(), columns in 72..130usize) {
        for line in shown(&report, columns, false).lines() {
            prop_assert!(line.width() <= columns, "{} > {columns}: {line}", line.width());
        }
    }

    #[test]
    fn every_failure_and_gap_has_a_line(report in strategies::report()) {
        let lines = shown(&report, 200, false).lines().count();
        let decision = &report.decision;
        let rows = decision
            .findings
            .iter()
            .filter(|finding| matches!(finding.status, Status::Fail | Status::Unknown { .. }))
            .count();
        prop_assert!(lines >= rows + decision.waived.len() + decision.expired_waivers.len());
        let text = shown(&report, 200, false);
        for severity in Severity::DESCENDING {
            let count = decision.findings.iter().filter(|finding| {
                finding.status == Status::Fail && finding.severity == severity
            }).count();
            if count > 0 {
                let in_summary = format!("{count} {severity}");
                prop_assert!(text.contains(&in_summary));
            }
        }
    }
}
