//! How a file is laid out.

use cofferdam_finding::Severity;

use super::{LintRule, hadolint, rule};
use crate::lint::view::{Hit, View};

pub(super) static RULES: &[LintRule] = &[rule(
    (
        "dockerfile-consecutive-runs",
        "Several RUN instructions in a row could be one",
        Severity::Info,
    ),
    [
        "Looks for RUN after RUN, with the same flags and one command each.",
        "Each is a layer. What one makes and the next deletes stays in the image.",
        "Join them with && in one RUN, or use a here-document.",
    ],
    const { &[hadolint("DL3059")] },
    "join them in one RUN",
    consecutive,
)];

fn consecutive(view: &View<'_>) -> Vec<Hit> {
    let all = &view.file.instructions;
    let is_simple =
        |index: usize| all[index].documents.is_empty() && view.commands_of(index).len() <= 1;
    let pairs = (1..all.len()).filter(|index| {
        let (before, this) = (&all[index - 1], &all[*index]);
        before.name == "RUN"
            && this.name == "RUN"
            && before.is_trigger == this.is_trigger
            && before.flags == this.flags
            && is_simple(*index)
            && is_simple(index - 1)
    });
    pairs.map(|index| view.hit(index, "this RUN could be part of the one before")).collect()
}
