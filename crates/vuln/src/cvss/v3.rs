//! Versions 3.0 and 3.1: <https://www.first.org/cvss/v3.1/specification-document>, section 7.1.
//! Their base scores differ only in how rounding is worded.

use super::{Definition, Metrics, Score};

const IMPACT: &[&str] = &["N", "L", "H"];
const MODIFIED_IMPACT: &[&str] = &["X", "N", "L", "H"];
const REQUIREMENT: &[&str] = &["X", "L", "M", "H"];

const METRICS: &[Definition] = &[
    ("AV", &["N", "A", "L", "P"], true),
    ("AC", &["L", "H"], true),
    ("PR", &["N", "L", "H"], true),
    ("UI", &["N", "R"], true),
    ("S", &["U", "C"], true),
    ("C", IMPACT, true),
    ("I", IMPACT, true),
    ("A", IMPACT, true),
    ("E", &["X", "U", "P", "F", "H"], false),
    ("RL", &["X", "O", "T", "W", "U"], false),
    ("RC", &["X", "U", "R", "C"], false),
    ("CR", REQUIREMENT, false),
    ("IR", REQUIREMENT, false),
    ("AR", REQUIREMENT, false),
    ("MAV", &["X", "N", "A", "L", "P"], false),
    ("MAC", &["X", "L", "H"], false),
    ("MPR", &["X", "N", "L", "H"], false),
    ("MUI", &["X", "N", "R"], false),
    ("MS", &["X", "U", "C"], false),
    ("MC", MODIFIED_IMPACT, false),
    ("MI", MODIFIED_IMPACT, false),
    ("MA", MODIFIED_IMPACT, false),
];

pub(super) fn score(text: &str) -> Result<Score, String> {
    let metrics = Metrics::parse(text, METRICS)?;
    let changed = metrics.get("S") == "C";
    let impact = impact(&metrics, changed);
    if impact <= 0.0 {
        return Ok(Score::of_tenths(0));
    }
    let factor = if changed { 1.08 } else { 1.0 };
    Ok(round_up((factor * (impact + exploitability(&metrics, changed))).min(10.0)))
}

fn impact(metrics: &Metrics<'_>, changed: bool) -> f64 {
    let impact_of = |name| metrics.weight(name, &[("L", 0.22), ("H", 0.56)]);
    let base = 1.0 - (1.0 - impact_of("C")) * (1.0 - impact_of("I")) * (1.0 - impact_of("A"));
    if changed { 7.52 * (base - 0.029) - 3.25 * (base - 0.02).powi(15) } else { 6.42 * base }
}

fn exploitability(metrics: &Metrics<'_>, changed: bool) -> f64 {
    let (low, high) = if changed { (0.68, 0.5) } else { (0.62, 0.27) };
    8.22 * metrics.weight("AV", &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])
        * metrics.weight("AC", &[("L", 0.77), ("H", 0.44)])
        * metrics.weight("PR", &[("N", 0.85), ("L", low), ("H", high)])
        * metrics.weight("UI", &[("N", 0.85), ("R", 0.62)])
}

/// Up to the next tenth, unless the fifth decimal is all that there is (appendix A of 3.1).
fn round_up(score: f64) -> Score {
    Score::nearest((score * 10.0 - 1e-4).ceil() / 10.0)
}
