//! Labels: their names, and the values of those that the image-spec defines.

use cofferdam_finding::{Reference, Severity};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{LintRule, hadolint, rule};
use crate::lint::view::{Hit, View};

const SPEC: Reference =
    Reference::new("URL", "https://github.com/opencontainers/image-spec/blob/main/annotations.md");

pub(super) static RULES: &[LintRule] = &[
    rule(
        ("dockerfile-label-name", "A label has a name that labels must not have", Severity::Low),
        [
            "Looks for labels with names in the namespaces of Docker (com.docker., io.docker., \
             org.dockerproject.), with characters other than letters, digits, '.', '-' and '_' and \
             '/', or with '.' or '-' at an edge or doubled.",
            "Those namespaces are reserved, and tools do not find labels with other names.",
            "Use a name in a namespace of your own, in reverse domain order.",
        ],
        const { &[hadolint("DL3048")] },
        "use a name such as org.example.name",
        name,
    ),
    rule(
        (
            "dockerfile-label-value",
            "A label of the image-spec has a value that it must not have",
            Severity::Low,
        ),
        [
            "Looks at org.opencontainers.image.created (RFC 3339), .url, .source and .documentation \
             (addresses), and at any label of that namespace for an empty value. Variables are left \
             out.",
            "Tools that read these labels rely on their format.",
            "Write the value as the specification says.",
        ],
        const { &[SPEC] },
        "write the value as the specification says",
        value,
    ),
];

fn labels(view: &View<'_>) -> Vec<(usize, String, String)> {
    let all = view.named("LABEL").flat_map(|(index, one)| {
        one.pairs().into_iter().map(move |(name, value)| (index, name, value.unwrap_or_default()))
    });
    all.collect()
}

fn name(view: &View<'_>) -> Vec<Hit> {
    let is_wrong = |name: &str| {
        let reserved = ["com.docker.", "io.docker.", "org.dockerproject."];
        let edge = |c: char| !c.is_ascii_alphanumeric();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._/".contains(c);
        reserved.iter().any(|space| name.starts_with(space))
            || name.starts_with(|c: char| !c.is_ascii_lowercase())
            || name.ends_with(edge)
            || ["..", "--"].iter().any(|double| name.contains(double))
            || !name.chars().all(allowed)
    };
    let wrong =
        labels(view).into_iter().filter(|(_, name, _)| !name.contains('$') && is_wrong(name));
    wrong
        .map(|(index, name, _)| view.hit(index, format!("a label cannot be named {name}")))
        .collect()
}

fn value(view: &View<'_>) -> Vec<Hit> {
    let is_wrong = |name: &str, value: &str| {
        let Some(name) = name.strip_prefix("org.opencontainers.image.") else { return false };
        match name {
            _ if value.contains('$') => false,
            _ if value.is_empty() => true,
            "created" => OffsetDateTime::parse(value, &Rfc3339).is_err(),
            "url" | "source" | "documentation" => !value.contains("://") || value.contains(' '),
            _ => false,
        }
    };
    let wrong = labels(view).into_iter().filter(|(_, name, value)| is_wrong(name, value));
    wrong
        .map(|(index, name, _)| {
            view.hit(index, format!("{name} has a value that it must not have"))
        })
        .collect()
}
