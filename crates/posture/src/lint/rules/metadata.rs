//! What the image says of itself: directory, ports, commands, variables, health.

use cofferdam_finding::Severity;

use super::{LintRule, cis, hadolint, rule};
use crate::lint::view::{Hit, View};

pub(super) static RULES: &[LintRule] = &[
    rule(
        ("dockerfile-relative-workdir", "WORKDIR is relative", Severity::Medium),
        [
            "Looks for WORKDIR with a path that is neither absolute nor a variable.",
            "Where it leads depends on the base and on what stands before.",
            "Name an absolute path.",
        ],
        const { &[hadolint("DL3000")] },
        "name an absolute path",
        workdir,
    ),
    rule(
        ("dockerfile-invalid-port", "EXPOSE names a port that does not exist", Severity::High),
        [
            "Looks for ports above 65535.",
            "Builders refuse it, or nothing is exposed.",
            "Name a port from 1 to 65535.",
        ],
        const { &[hadolint("DL3011")] },
        "name a port from 1 to 65535",
        port,
    ),
    rule(
        ("dockerfile-expose-ssh", "EXPOSE names the port of SSH", Severity::Medium),
        [
            "Looks for EXPOSE 22.",
            "A container is reached through its engine; a second way in has keys and passwords of \
             its own.",
            "Leave the server and the EXPOSE out.",
        ],
        const { &[cis("Docker 5.7")] },
        "leave the SSH server out",
        ssh,
    ),
    rule(
        (
            "dockerfile-several-healthchecks",
            "A stage has several HEALTHCHECK instructions",
            Severity::Medium,
        ),
        ["Counts HEALTHCHECK in each stage.", "Only the last one counts.", "Keep one."],
        const { &[hadolint("DL3012")] },
        "keep one",
        |view| repeated(view, "HEALTHCHECK"),
    ),
    rule(
        ("dockerfile-several-commands", "A stage has several CMD instructions", Severity::Low),
        ["Counts CMD in each stage.", "Only the last one counts.", "Keep one."],
        const { &[hadolint("DL4003")] },
        "keep one",
        |view| repeated(view, "CMD"),
    ),
    rule(
        (
            "dockerfile-several-entrypoints",
            "A stage has several ENTRYPOINT instructions",
            Severity::Medium,
        ),
        ["Counts ENTRYPOINT in each stage.", "Only the last one counts.", "Keep one."],
        const { &[hadolint("DL4004")] },
        "keep one",
        |view| repeated(view, "ENTRYPOINT"),
    ),
    rule(
        ("dockerfile-shell-form", "CMD or ENTRYPOINT is not in JSON form", Severity::Low),
        [
            "Looks for CMD and ENTRYPOINT that are no JSON array.",
            "A shell starts the program, stays its parent and does not pass signals on: it cannot \
             stop in good order.",
            "Write ['program', 'argument'] with double quotes.",
        ],
        const { &[hadolint("DL3025")] },
        "use the JSON form",
        shell_form,
    ),
    rule(
        ("dockerfile-self-reference", "ENV refers to a variable that it defines", Severity::Medium),
        [
            "Looks for an ENV whose value refers to a variable that the same ENV defines and that \
             was not defined before.",
            "The value before the instruction counts: the reference is empty.",
            "Use two ENV instructions.",
        ],
        const { &[hadolint("DL3044")] },
        "use two ENV instructions",
        self_reference,
    ),
    rule(
        ("dockerfile-maintainer", "MAINTAINER is obsolete", Severity::Info),
        [
            "Looks for MAINTAINER.",
            "It was replaced by labels years ago, which can be searched for.",
            "Use 'LABEL org.opencontainers.image.authors=…'.",
        ],
        const { &[hadolint("DL4000")] },
        "use LABEL org.opencontainers.image.authors",
        maintainer,
    ),
    rule(
        ("dockerfile-no-healthcheck", "There is no HEALTHCHECK", Severity::Info),
        [
            "Looks for a HEALTHCHECK in the last stage and in those that it is built on.",
            "An engine takes a container for healthy as long as its process exists. Kubernetes does \
             not use it: there, probes do the same.",
            "Add one, or rely on probes and waive this rule.",
        ],
        const { &[hadolint("DL3057"), cis("Docker 4.6")] },
        "add HEALTHCHECK, or rely on the orchestrator's probes",
        no_healthcheck,
    ),
];

fn workdir(view: &View<'_>) -> Vec<Hit> {
    let relative = view.named("WORKDIR").filter(|(_, one)| {
        let path = one.arguments.text.trim_matches(['"', '\'']);
        let mut chars = path.chars();
        let drive =
            matches!((chars.next(), chars.next()), (Some(c), Some(':')) if c.is_ascii_alphabetic());
        !path.starts_with(['/', '$']) && !drive
    });
    relative.map(|(index, _)| view.hit(index, "WORKDIR is relative")).collect()
}

fn ports<'v>(view: &'v View<'_>) -> impl Iterator<Item = (usize, u64)> + 'v {
    view.named("EXPOSE").flat_map(|(index, one)| {
        let words: Vec<String> = one.words().map(str::to_owned).collect();
        words.into_iter().flat_map(move |word| {
            let range = word.split('/').next().unwrap_or_default().to_owned();
            let ports: Vec<u64> = range.split('-').filter_map(|port| port.parse().ok()).collect();
            ports.into_iter().map(move |port| (index, port))
        })
    })
}

fn port(view: &View<'_>) -> Vec<Hit> {
    let invalid = ports(view).filter(|(_, port)| *port > 65535);
    invalid.map(|(index, port)| view.hit(index, format!("there is no port {port}"))).collect()
}

fn ssh(view: &View<'_>) -> Vec<Hit> {
    let ssh = ports(view).filter(|(_, port)| *port == 22);
    ssh.map(|(index, _)| view.hit(index, "SSH is exposed")).collect()
}

fn repeated(view: &View<'_>, name: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut seen = None;
    for (index, _) in view.named(name) {
        let stage = view.stage_of(index).map(|stage| stage.from);
        if seen.replace(stage) == Some(stage) {
            hits.push(view.hit(index, format!("there is more than one {name}")));
        }
    }
    hits
}

fn shell_form(view: &View<'_>) -> Vec<Hit> {
    let all = view.named("CMD").chain(view.named("ENTRYPOINT"));
    let wrong = all.filter(|(_, one)| one.json.is_none());
    wrong.map(|(index, one)| view.hit(index, format!("{} is not in JSON form", one.name))).collect()
}

fn self_reference(view: &View<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, one) in view.named("ENV") {
        let pairs = one.pairs();
        let start = view.stage_of(index).map_or(0, |stage| stage.instructions.start);
        let before = view.file.instructions[start..index]
            .iter()
            .filter(|o| matches!(o.name.as_str(), "ENV" | "ARG"));
        let known: Vec<String> = before.flat_map(|o| o.pairs()).map(|(name, _)| name).collect();
        let refers = |value: &str, name: &str| {
            let braced = ["}", ":"].iter().any(|end| value.contains(&format!("${{{name}{end}")));
            let plain = value.match_indices(&format!("${name}")).any(|(at, text)| {
                let rest = &value[at + text.len()..];
                !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            });
            braced || plain
        };
        let own = pairs.iter().find(|(_, value)| {
            let value = value.as_deref().unwrap_or_default();
            pairs.iter().any(|(name, _)| !known.contains(name) && refers(value, name))
        });
        if let Some((name, _)) = own.filter(|_| pairs.len() > 1) {
            hits.push(view.hit(index, format!("{name} refers to what is not defined yet")));
        }
    }
    hits
}

fn maintainer(view: &View<'_>) -> Vec<Hit> {
    view.named("MAINTAINER").map(|(index, _)| view.hit(index, "MAINTAINER is obsolete")).collect()
}

fn no_healthcheck(view: &View<'_>) -> Vec<Hit> {
    let Some(last) = view.stages.last() else { return Vec::new() };
    let mut stage = last;
    for _ in 0..view.stages.len() {
        if view.named("HEALTHCHECK").any(|(index, _)| stage.instructions.contains(&index)) {
            return Vec::new();
        }
        let base = view.stages.iter().find(|other| {
            other.from < stage.from && other.name.as_deref() == Some(stage.image.as_str())
        });
        let Some(base) = base else { break };
        stage = base;
    }
    vec![view.hit(last.from, "there is no HEALTHCHECK")]
}
