use std::borrow::Cow;

use cofferdam_finding::{Explanation, Rule, Severity, Topic};

pub(in crate::lint) const ID: &str = "dockerfile-not-understood";

/// A gap: part of a file could not be understood.
pub(super) static RULE: Rule = Rule {
    id: Cow::Borrowed(ID),
    title: Cow::Borrowed("Part of a Dockerfile could not be understood"),
    severity: Severity::Medium,
    topic: Topic::Coverage,
    explain: Explanation {
        what: Cow::Borrowed(
            "Reads the file as a builder does. A line begins with no instruction, an instruction \
             has no arguments, or a here-document does not end.",
        ),
        why: Cow::Borrowed("No rule was applied to that part, and a builder will refuse it."),
        fix: Cow::Borrowed("Correct the line, or tell us if builders accept it."),
    },
    references: Cow::Borrowed(&[]),
};
