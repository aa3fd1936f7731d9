//! Who the image runs as.

use cofferdam_finding::Severity;

use super::{LintRule, cis, cwe, hadolint, nist, rule};
use crate::lint::view::{Hit, View};

pub(super) static RULES: &[LintRule] = &[
    rule(
        ("dockerfile-root-user", "The last USER of a stage is root", Severity::Medium),
        [
            "Looks at the last USER of each stage: it is root or 0.",
            "Whoever takes over the program is root in the container.",
            "End the stage with 'USER 10001' or the like, after what needs root.",
        ],
        const { &[hadolint("DL3002"), cis("Docker 4.1"), cwe("CWE-250")] },
        "end with USER and a number other than 0",
        last_is_root,
    ),
    rule(
        ("dockerfile-no-user", "The image runs as its base does, mostly as root", Severity::Low),
        [
            "Looks for a USER in the last stage and in the stages that it is built on. There is \
             none.",
            "Most bases run as root, and so does what is built on them.",
            "End the file with 'USER 10001' or the like. If the base sets a user, waive this rule.",
        ],
        const { &[cis("Docker 4.1"), nist("3.1.2"), cwe("CWE-250")] },
        "end the file with USER and a number other than 0",
        none,
    ),
    rule(
        ("dockerfile-named-user", "USER names a user instead of a number", Severity::Info),
        [
            "Looks for USER with a name.",
            "Whether a name is root cannot be told without looking into the image: Kubernetes' \
             runAsNonRoot refuses it.",
            "Use the number of the user.",
        ],
        const { &[hadolint("DL3066")] },
        "use the number of the user",
        named,
    ),
];

fn user(text: &str) -> &str {
    text.trim_matches(['"', '\'']).split(':').next().unwrap_or_default()
}

fn last_is_root(view: &View<'_>) -> Vec<Hit> {
    let users = view.stages.iter().filter_map(|stage| {
        let all = view.named("USER").filter(|(index, _)| stage.instructions.contains(index));
        all.last()
    });
    let roots = users.filter(|(_, one)| matches!(user(&one.arguments.text), "root" | "0"));
    roots.map(|(index, _)| view.hit(index, "the last USER is root")).collect()
}

fn none(view: &View<'_>) -> Vec<Hit> {
    let Some(last) = view.stages.last() else { return Vec::new() };
    let mut stage = last;
    // As many steps as there are stages: a chain of them has no circle, a broken file may.
    for _ in 0..view.stages.len() {
        if view.named("USER").any(|(index, _)| stage.instructions.contains(&index)) {
            return Vec::new();
        }
        let is_base = |other: &&crate::dockerfile::Stage| {
            other.from < stage.from && other.name.as_deref() == Some(stage.image.as_str())
        };
        match view.stages.iter().find(is_base) {
            Some(base) => stage = base,
            None => break,
        }
    }
    vec![view.hit(last.from, "the image sets no user")]
}

fn named(view: &View<'_>) -> Vec<Hit> {
    let declared = |name: &str| {
        view.named("ARG")
            .chain(view.named("ENV"))
            .any(|(_, one)| one.pairs().iter().any(|(n, _)| n == name))
    };
    let named = view.named("USER").filter(|(_, one)| {
        let user = user(&one.arguments.text);
        let variable = user.strip_prefix('$').map(|name| name.trim_matches(['{', '}']));
        match variable {
            Some(name) => !declared(name.split(':').next().unwrap_or(name)),
            None => {
                !user.is_empty()
                    && !user.bytes().all(|byte| byte.is_ascii_digit())
                    && user != "root"
            }
        }
    });
    named.map(|(index, _)| view.hit(index, "USER names a user instead of a number")).collect()
}
