//! Scores of CVSS vectors.

use cofferdam_finding::Severity;
use cofferdam_vuln::cvss::{Version, rate};
use proptest::prelude::*;

/// Vectors drawn at random with the scores that another implementation (the Python package `cvss`
/// 3.6 of Red Hat Product Security) gives them.
const SCORES: &str = include_str!("data/cvss-scores.txt");

#[test]
fn scores_agree_with_another_implementation() {
    let mut count = 0;
    for line in SCORES.lines() {
        let (vector, score) = line.split_once(' ').unwrap();
        assert_eq!(rate(vector).unwrap().score.to_string(), score, "{vector}");
        count += 1;
    }
    assert!(count >= 300);
}

#[test]
fn vectors_of_well_known_vulnerabilities() {
    let cases = [
        // Heartbleed, Log4Shell, xz, and the examples of the specification of 4.0.
        ("AV:N/AC:L/Au:N/C:P/I:N/A:N", Version::V2, "5.0", Severity::Medium),
        ("(AV:N/AC:L/Au:N/C:C/I:C/A:C)", Version::V2, "10.0", Severity::High),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Version::V3_1, "10.0", Severity::Critical),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", Version::V3_0, "7.5", Severity::High),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Version::V3_1, "0.0", Severity::Info),
        (
            "CVSS:3.1/AV:L/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N/E:P/RL:O",
            Version::V3_1,
            "2.2",
            Severity::Low,
        ),
        (
            "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            Version::V4,
            "7.3",
            Severity::High,
        ),
        (
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H",
            Version::V4,
            "10.0",
            Severity::Critical,
        ),
        (
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N",
            Version::V4,
            "0.0",
            Severity::Info,
        ),
    ];
    for (vector, version, score, severity) in cases {
        let rating = rate(vector).unwrap();
        assert_eq!(
            (rating.version, rating.score.to_string().as_str(), rating.severity()),
            (version, score, severity),
            "{vector}"
        );
    }
}

#[test]
fn what_is_not_a_vector_says_why() {
    let cases = [
        ("", "'' is not a metric"),
        ("CVSS:5.0/AV:N", "'CVSS:5.0' is not a version"),
        ("CVSS:3.1/AV:N", "'AC' is missing"),
        ("CVSS:3.1/AV:N/AV:N", "'AV' is given twice"),
        ("CVSS:3.1/AV:Q", "'AV' cannot be 'Q'"),
        ("CVSS:3.1/XX:Q", "'XX' is not known"),
        ("CVSS:4.0/AV:N/AC", "'AC' is not a metric"),
        ("AV:N/AC:L", "'Au' is missing"),
        ("high", "'high' is not a metric"),
    ];
    for (vector, why) in cases {
        let error = rate(vector).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,40}", metrics in "(CVSS:[34]\\.[01]/)?([A-Z]{1,3}:[A-Z]/?){0,12}") {
        let _ = rate(&text);
        let _ = rate(&metrics);
    }
}
