use cofferdam_finding::{Rule, Severity, Topic};

pub(in crate::lint) const ID: &str = "dockerfile-not-understood";

/// A gap: part of a file could not be understood.
pub(super) static RULE: Rule = Rule::new(
    ID,
    "Part of a Dockerfile could not be understood",
    Severity::Medium,
    Topic::Coverage,
    [
        "Reads the file as a builder does. A line begins with no instruction, an instruction \
             has no arguments, or a here-document does not end.",
        "No rule was applied to that part, and a builder will refuse it.",
        "Correct the line, or tell us if builders accept it.",
    ],
    &[],
);
