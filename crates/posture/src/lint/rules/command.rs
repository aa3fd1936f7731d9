//! Commands that do not belong into a build, or not so.

use cofferdam_finding::Severity;

use super::{LintRule, cwe, hadolint, package, rule};
use crate::{
    lint::view::{Hit, Shell, View},
    shell::Command,
};

pub(super) static RULES: &[LintRule] = &[
    rule(
        ("dockerfile-useless-command", "A command makes no sense in a build", Severity::Low),
        [
            "Looks for ssh, vim, shutdown, service, ps, free, top, kill, mount and ifconfig.",
            "They act on a running system, and a build has none: services do not stay started, and \
             mounts are gone after the RUN.",
            "Start services as the command of the container; leave the rest out.",
        ],
        const { &[hadolint("DL3001")] },
        "leave it out",
        useless,
    ),
    rule(
        ("dockerfile-cd", "RUN changes the directory with cd", Severity::Info),
        [
            "Looks for cd in RUN.",
            "It holds for that RUN only, which is easily overlooked, and hides where later commands \
             run.",
            "Use WORKDIR.",
        ],
        const { &[hadolint("DL3003")] },
        "use WORKDIR",
        |view| named(view, &["cd"], "the directory is changed with cd"),
    ),
    rule(
        ("dockerfile-sudo", "RUN uses sudo", Severity::Medium),
        [
            "Looks for sudo.",
            "A build is root unless USER says otherwise, so sudo is of no use there; installed in the \
             image, it undoes USER.",
            "Do what needs root before USER, and do not install sudo.",
        ],
        const { &[hadolint("DL3004"), cwe("CWE-250")] },
        "do what needs root before USER",
        sudo,
    ),
    rule(
        ("dockerfile-apt", "RUN uses apt, which is meant for people", Severity::Low),
        [
            "Looks for apt.",
            "Its interface changes between versions; apt-get's does not.",
            "Use apt-get or apt-cache.",
        ],
        const { &[hadolint("DL3027")] },
        "use apt-get or apt-cache",
        apt,
    ),
    rule(
        ("dockerfile-distribution-upgrade", "The build upgrades to another release", Severity::Low),
        [
            "Looks for apt-get dist-upgrade, zypper dist-upgrade and do-release-upgrade.",
            "The image is then of a release that its base does not say, with leftovers of the one \
             before.",
            "Use a base of the release that is wanted.",
        ],
        const { &[hadolint("DL3035")] },
        "use a base of the release that is wanted",
        upgrade,
    ),
    rule(
        (
            "dockerfile-useradd-sparse",
            "useradd makes a huge file for a high user id",
            Severity::Low,
        ),
        [
            "Looks for useradd with a user id of more than five digits and without \
             --no-log-init.",
            "It extends /var/log/faillog and lastlog to that number: gigabytes once the layer is \
             stored.",
            "Add -l, or choose a lower number.",
        ],
        const { &[hadolint("DL3046")] },
        "add -l",
        useradd,
    ),
    rule(
        ("dockerfile-wget-progress", "wget fills the log with its progress", Severity::Info),
        [
            "Looks for wget without --progress, -q, -nv or a log file.",
            "Progress bars are thousands of lines in the log of a build.",
            "Add --progress=dot:giga, or -nv.",
        ],
        const { &[hadolint("DL3047")] },
        "add --progress=dot:giga",
        wget,
    ),
    rule(
        ("dockerfile-wget-and-curl", "Both wget and curl are used", Severity::Info),
        [
            "Looks for wget and curl in one stage.",
            "One is enough; each has dependencies and vulnerabilities of its own.",
            "Use one of them.",
        ],
        const { &[hadolint("DL4001")] },
        "use one of them",
        both,
    ),
    rule(
        ("dockerfile-link-shell", "/bin/sh is replaced by a link", Severity::Low),
        [
            "Looks for ln with /bin/sh.",
            "It changes the shell of every script in the image, not only of the build.",
            "Use the SHELL instruction.",
        ],
        const { &[hadolint("DL4005")] },
        "use the SHELL instruction",
        link_shell,
    ),
    rule(
        ("dockerfile-pipefail", "A pipe hides that a command failed", Severity::Low),
        [
            "Looks for a pipe in RUN where the shell was not given -o pipefail.",
            "Only the last command of a pipe decides whether the RUN failed: a broken download gives \
             a broken image without an error.",
            "Write 'SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]' before, or 'set -o pipefail' \
             in the RUN. (The ash of Alpine has it too.)",
        ],
        const { &[hadolint("DL4006")] },
        "use a SHELL with -o pipefail",
        pipefail,
    ),
];

fn named(view: &View<'_>, names: &[&str], title: &str) -> Vec<Hit> {
    let commands = view
        .commands()
        .filter(|(_, command)| command.name().is_some_and(|name| names.contains(&name)));
    commands.map(|(index, command)| view.hit_command(index, &command, title)).collect()
}

fn useless(view: &View<'_>) -> Vec<Hit> {
    const NAMES: &[&str] =
        &["ssh", "vim", "shutdown", "service", "ps", "free", "top", "kill", "mount", "ifconfig"];
    named(view, NAMES, "the command makes no sense in a build")
}

fn sudo(view: &View<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, _) in view.named("RUN") {
        for command in view.commands_of(index).iter().filter(|one| one.name() == Some("sudo")) {
            hits.push(view.hit_command(index, command, "RUN uses sudo"));
        }
    }
    hits
}

fn apt(view: &View<'_>) -> Vec<Hit> {
    named(view, &["apt"], "RUN uses apt instead of apt-get")
}

fn upgrade(view: &View<'_>) -> Vec<Hit> {
    let upgrades = view.commands().filter(|(_, command)| match command.name() {
        Some("zypper") => package::operands(command, &["dist-upgrade", "dup"], &[]).is_some(),
        Some("apt-get" | "apt" | "aptitude") => {
            package::operands(command, &["dist-upgrade", "full-upgrade"], &["-o"]).is_some()
        }
        name => name == Some("do-release-upgrade"),
    });
    upgrades
        .map(|(index, command)| {
            view.hit_command(index, &command, "the build upgrades to another release")
        })
        .collect()
}

fn useradd(view: &View<'_>) -> Vec<Hit> {
    let is_high = |command: &Command| {
        let words: Vec<&str> = command.arguments().collect();
        let after =
            words.windows(2).find(|pair| matches!(pair[0], "-u" | "--uid")).map(|pair| pair[1]);
        let joined = words
            .iter()
            .find_map(|word| word.strip_prefix("--uid=").or_else(|| word.strip_prefix("-u")));
        after.or(joined).is_some_and(|id| id.len() > 5)
    };
    let adds = view.commands().filter(|(_, command)| {
        command.name() == Some("useradd")
            && !command.has_option(&["-l", "--no-log-init"])
            && is_high(command)
    });
    adds.map(|(index, command)| view.hit_command(index, &command, "useradd makes a huge file"))
        .collect()
}

fn wget(view: &View<'_>) -> Vec<Hit> {
    let loud = view.commands().filter(|(_, command)| {
        let quiet = [
            "--progress",
            "-q",
            "--quiet",
            "-o",
            "--output-file",
            "-a",
            "--append-output",
            "--no-verbose",
            "-nv",
        ];
        command.name() == Some("wget") && !command.has_option(&quiet)
    });
    loud.map(|(index, command)| view.hit_command(index, &command, "wget fills the log")).collect()
}

fn both(view: &View<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut ranges: Vec<_> = view.stages.iter().map(|stage| stage.instructions.clone()).collect();
    if ranges.is_empty() {
        ranges.push(0..view.file.instructions.len());
    }
    for range in ranges {
        let all: Vec<(usize, Command)> =
            view.commands().filter(|(index, _)| range.contains(index)).collect();
        let first = |name: &str| all.iter().find(|(_, command)| command.name() == Some(name));
        if let (Some(wget), Some(curl)) = (first("wget"), first("curl")) {
            let later = if wget.0 >= curl.0 { wget } else { curl };
            hits.push(view.hit_command(later.0, &later.1, "both wget and curl are used"));
        }
    }
    hits
}

fn link_shell(view: &View<'_>) -> Vec<Hit> {
    let links = view.commands().filter(|(_, command)| {
        command.name() == Some("ln") && command.arguments().any(|word| word == "/bin/sh")
    });
    links.map(|(index, command)| view.hit_command(index, &command, "/bin/sh is replaced")).collect()
}

fn pipefail(view: &View<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, run) in view.named("RUN") {
        let commands = view.commands_of(index);
        let sets = commands.iter().any(|command| {
            command.name() == Some("set") && command.arguments().any(|word| word == "pipefail")
        });
        let is_set = sets || matches!(view.shell(index), Shell::Pipefail | Shell::Foreign);
        let Some(piped) = commands.iter().find(|command| command.is_piped) else { continue };
        if !is_set && run.json.is_none() {
            hits.push(view.hit_command(index, piped, "a pipe hides that a command failed"));
        }
    }
    hits
}
