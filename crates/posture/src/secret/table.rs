//! The secrets that are looked for, by what they open.
//!
//! Written from the issuers' public documentation of their formats. A new one is one entry with an
//! example and a counterexample, which `tests/secrets.rs` runs.

mod build;
mod cloud;
mod code;
mod data;
mod generic;
mod identity;
mod keys;
mod message;
mod model;
mod money;
mod operations;
mod product;

use std::{borrow::Cow, sync::LazyLock};

use cofferdam_finding::{Explanation, Reference, Rule, Topic};

use super::Spec;

/// Secrets that open the same kind of thing.
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// What they open, as in "a secret of …".
    pub name: &'static str,
    /// What who has one can do.
    pub why: &'static str,
    /// The secrets.
    pub specs: &'static [Spec],
}

/// All groups; where two secrets claim the same text, the first in this order has it.
pub static GROUPS: &[Group] = &[
    cloud::GROUP,
    code::GROUP,
    build::GROUP,
    model::GROUP,
    money::GROUP,
    message::GROUP,
    operations::GROUP,
    product::GROUP,
    identity::GROUP,
    data::GROUP,
    keys::GROUP,
    generic::GROUP,
];

/// Every spec, in order of precedence.
pub fn specs() -> impl Iterator<Item = &'static Spec> {
    GROUPS.iter().flat_map(|group| group.specs)
}

/// The rule behind each spec, in the same order.
pub fn rules() -> &'static [Rule] {
    static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
        let each =
            GROUPS.iter().flat_map(|group| group.specs.iter().map(move |spec| (group, spec)));
        each.map(|(group, spec)| rule(group, spec)).collect()
    });
    &RULES
}

fn rule(group: &Group, spec: &Spec) -> Rule {
    let title = spec.title;
    let mut references = vec![
        Reference::new("CWE", "CWE-798"),
        Reference::new("CIS", "Docker 4.10"),
        Reference::new("NIST SP 800-190", "3.1.4"),
    ];
    if !spec.see.is_empty() {
        references.push(Reference::new("URL", spec.see));
    }
    Rule {
        id: Cow::Owned(format!("secret-{}", spec.id)),
        title: Cow::Owned(format!("{title} in the image")),
        severity: spec.severity,
        topic: Topic::Secret,
        explain: Explanation {
            what: Cow::Owned(format!(
                "Looks for this kind of secret ({title}) in every file of every layer, deleted \
                 files included, and in the environment and the history of the image. The text \
                 has the form that the issuer documents{}.",
                if spec.entropy > 0.0 { ", and is random enough to be no placeholder" } else { "" }
            )),
            why: Cow::Owned(format!(
                "Whoever can pull the image has the secret. {} Deleting the file in a later layer \
                 does not help: the layer below is still part of the image.",
                group.why
            )),
            fix: Cow::Borrowed(
                "Revoke the secret where it was issued and issue a new one: taking it out of the \
                 next build does not undo what was published. Then keep it out: mount it during \
                 the build ('RUN --mount=type=secret,id=…'), hand it to the container when it \
                 starts, list such files in .dockerignore, and build stages that need it \
                 separately from the one that is shipped. If it is no real secret, a waiver can \
                 say so.",
            ),
        },
        references: Cow::Owned(references),
    }
}
