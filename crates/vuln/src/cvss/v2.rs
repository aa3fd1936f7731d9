//! Version 2.0: <https://www.first.org/cvss/v2/guide>, section 3.2.1.

use super::{Definition, Metrics, Score};

const IMPACT: &[&str] = &["N", "P", "C"];
const REQUIREMENT: &[&str] = &["L", "M", "H", "ND"];

const METRICS: &[Definition] = &[
    ("AV", &["L", "A", "N"], true),
    ("AC", &["H", "M", "L"], true),
    ("Au", &["M", "S", "N"], true),
    ("C", IMPACT, true),
    ("I", IMPACT, true),
    ("A", IMPACT, true),
    ("E", &["U", "POC", "F", "H", "ND"], false),
    ("RL", &["OF", "TF", "W", "U", "ND"], false),
    ("RC", &["UC", "UR", "C", "ND"], false),
    ("CDP", &["N", "L", "LM", "MH", "H", "ND"], false),
    ("TD", &["N", "L", "M", "H", "ND"], false),
    ("CR", REQUIREMENT, false),
    ("IR", REQUIREMENT, false),
    ("AR", REQUIREMENT, false),
];

pub(super) fn score(text: &str) -> Result<Score, String> {
    let metrics = Metrics::parse(text, METRICS)?;
    let impact_of = |name| metrics.weight(name, &[("N", 0.0), ("P", 0.275), ("C", 0.66)]);
    let impact =
        10.41 * (1.0 - (1.0 - impact_of("C")) * (1.0 - impact_of("I")) * (1.0 - impact_of("A")));
    let exploitability = 20.0
        * metrics.weight("AV", &[("L", 0.395), ("A", 0.646), ("N", 1.0)])
        * metrics.weight("AC", &[("H", 0.35), ("M", 0.61), ("L", 0.71)])
        * metrics.weight("Au", &[("M", 0.45), ("S", 0.56), ("N", 0.704)]);
    let factor = if impact == 0.0 { 0.0 } else { 1.176 };
    Ok(Score::nearest((0.6 * impact + 0.4 * exploitability - 1.5) * factor))
}
