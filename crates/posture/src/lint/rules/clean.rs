//! What package managers leave behind.

use cofferdam_finding::Severity;

use super::{LintRule, hadolint, package, rule};
use crate::{
    lint::view::{Hit, View, insert},
    shell::Command,
};

const WHY: &str = "It is of no use in the image, and makes the layer larger. Deleting it in a later \
    instruction does not: the layer stays.";

macro_rules! clean {
    ($id:literal, $title:literal, $what:literal, $how:literal, $dl:literal, $check:expr) => {
        rule(
            ($id, $title, Severity::Info),
            [$what, WHY, concat!($how, ", or mount a cache: 'RUN --mount=type=cache,target=…'.")],
            const { &[hadolint($dl)] },
            $how,
            $check,
        )
    };
}

pub(super) static RULES: &[LintRule] = &[
    clean!(
        "dockerfile-apt-lists",
        "Package lists of apt stay in the layer",
        "Looks for apt-get update in a RUN that does not delete /var/lib/apt/lists. Stages whose \
         files are thrown away are left out.",
        "end the RUN with rm -rf /var/lib/apt/lists/*",
        "DL3009",
        apt
    ),
    clean!(
        "dockerfile-apk-cache",
        "apk keeps its index in the layer",
        "Looks for apk add without --no-cache.",
        "use apk add --no-cache",
        "DL3019",
        apk
    ),
    clean!(
        "dockerfile-pip-cache",
        "pip keeps what it downloaded in the layer",
        "Looks for pip install without --no-cache-dir where PIP_NO_CACHE_DIR is not set.",
        "use pip install --no-cache-dir",
        "DL3042",
        pip
    ),
    clean!(
        "dockerfile-yum-clean",
        "yum keeps its cache in the layer",
        "Looks for yum install in a RUN without yum clean all.",
        "end the RUN with yum clean all",
        "DL3032",
        |view| missing(view, &["yum"], "/var/cache/yum", &[("yum", "clean")])
    ),
    clean!(
        "dockerfile-dnf-clean",
        "dnf keeps its cache in the layer",
        "Looks for dnf install in a RUN without dnf clean all.",
        "end the RUN with dnf clean all",
        "DL3040",
        |view| missing(
            view,
            &["dnf", "microdnf"],
            "/var/cache/libdnf5",
            &[("dnf", "clean"), ("microdnf", "clean")]
        )
    ),
    clean!(
        "dockerfile-zypper-clean",
        "zypper keeps its cache in the layer",
        "Looks for zypper install in a RUN without zypper clean.",
        "end the RUN with zypper clean",
        "DL3036",
        |view| missing(
            view,
            &["zypper"],
            "/var/cache/zypp",
            &[("zypper", "clean"), ("zypper", "cc")]
        )
    ),
    clean!(
        "dockerfile-yarn-cache",
        "yarn keeps its cache in the layer",
        "Looks for yarn install in a RUN without yarn cache clean. Stages whose files are thrown \
         away are left out.",
        "end the RUN with yarn cache clean",
        "DL3060",
        yarn
    ),
];

/// Whether what a stage writes is in the image: it is the last one, or another is built on it.
fn is_kept(view: &View<'_>, index: usize) -> bool {
    let Some(stage) = view.stage_of(index) else { return true };
    let is_last = view.stages.last().is_some_and(|last| last.from == stage.from);
    let is_base = |other: &crate::dockerfile::Stage| Some(&other.image) == stage.name.as_ref();
    is_last || view.stages.iter().any(is_base)
}

fn removes(command: &Command, directories: &[&str]) -> bool {
    let is_below = |word: &str| {
        directories.iter().any(|directory| word.trim_end_matches(['*', '/']) == *directory)
    };
    match command.name() {
        Some("rm") => command.has_option(&["-r", "-R"]) && command.arguments().any(is_below),
        Some("find") => {
            command.arguments().any(is_below) && command.arguments().any(|word| word == "-delete")
        }
        _ => false,
    }
}

fn apt(view: &View<'_>) -> Vec<Hit> {
    const LISTS: &[&str] = &["/var/lib/apt/lists", "/var/lib/apt"];
    let mut hits = Vec::new();
    for (index, run) in view.named("RUN") {
        let commands: Vec<Command> =
            view.commands_of(index).iter().map(Command::unwrapped).collect();
        let updates = commands.iter().find(|command| {
            matches!(command.name(), Some("apt-get" | "apt" | "aptitude"))
                && package::operands(command, &["update"], &["-o", "-c"]).is_some()
        });
        let Some(update) = updates else { continue };
        let cleans = commands.iter().any(|command| removes(command, LISTS))
            || package::is_mounted(run, "/var/lib/apt/lists")
            || package::is_mounted(run, "/var/lib/apt");
        if !cleans && is_kept(view, index) {
            hits.push(view.hit_command(index, update, "the lists of apt stay in the layer"));
        }
    }
    hits
}

fn apk(view: &View<'_>) -> Vec<Hit> {
    let adds = view.commands().filter(|(index, command)| {
        let run = &view.file.instructions[*index];
        command.name() == Some("apk")
            && package::operands(command, &["add"], &["-t", "--virtual", "--repository", "-X"])
                .is_some()
            && !command.has_option(&["--no-cache"])
            && !package::is_mounted(run, "/var/cache/apk")
            && !package::is_mounted(run, "/etc/apk/cache")
    });
    adds.map(|(index, command)| {
        let mut hit = view.hit_command(index, &command, "apk keeps its index");
        let add = command.words.iter().find(|word| word.text == "add");
        let updates = command.has_option(&["--update", "-U"]);
        if let Some(word) = add.filter(|_| view.is_editable(index) && !updates) {
            hit.edits.push(insert(word.end, " --no-cache"));
        }
        hit
    })
    .collect()
}

fn pip(view: &View<'_>) -> Vec<Hit> {
    let is_off = |name: &str, value: &str| {
        name == "PIP_NO_CACHE_DIR"
            && matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "on" | "yes")
    };
    let mut hits = Vec::new();
    for (index, command) in view.commands() {
        let Some(pip) = package::pip_install(&command) else { continue };
        let run = &view.file.instructions[index];
        let installs = package::operands(&pip, &["install"], &[]).is_some();
        let in_line = view.commands_of(index).iter().any(|one| {
            let assigned = one.assignments.iter().chain(one.words.iter());
            assigned
                .filter_map(|word| word.text.split_once('='))
                .any(|(name, value)| is_off(name, value))
        });
        let in_stage = environment(view, index).iter().any(|(name, value)| is_off(name, value));
        let is_off = in_line || in_stage || package::is_mounted(run, ".cache/pip");
        if installs && !pip.has_option(&["--no-cache-dir"]) && !is_off {
            let mut hit = view.hit_command(index, &command, "pip keeps what it downloaded");
            let install = command.words.iter().find(|word| word.text == "install");
            if let Some(word) = install.filter(|_| view.is_editable(index)) {
                hit.edits.push(insert(word.end, " --no-cache-dir"));
            }
            hits.push(hit);
        }
    }
    hits
}

/// The variables that are set where an instruction is, those of the stages it is built on too.
fn environment(view: &View<'_>, index: usize) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    let mut upto = index;
    let mut stage = view.stage_of(index);
    for _ in 0..=view.stages.len() {
        let range = stage.map_or(0..upto, |stage| stage.instructions.start..upto);
        for one in view.file.instructions[range].iter().filter(|one| one.name == "ENV") {
            variables
                .extend(one.pairs().into_iter().filter_map(|(name, value)| Some((name, value?))));
        }
        let Some(current) = stage else { break };
        let base = view.stages.iter().find(|other| {
            other.from < current.from && other.name.as_deref() == Some(current.image.as_str())
        });
        let Some(base) = base else { break };
        upto = base.instructions.end;
        stage = Some(base);
    }
    variables
}

/// Installs of `managers` in a RUN that neither cleans up nor mounts the cache.
fn missing(view: &View<'_>, managers: &[&str], cache: &str, cleans: &[(&str, &str)]) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, run) in view.named("RUN") {
        let commands: Vec<Command> =
            view.commands_of(index).iter().map(Command::unwrapped).collect();
        for manager in managers {
            let installs = |command: &Command| {
                let names = [
                    "install",
                    "in",
                    "module",
                    "upgrade",
                    "up",
                    "update",
                    "upgrade-minimal",
                    "up-min",
                    "reinstall",
                    "rei",
                    "localinstall",
                    "groupinstall",
                ];
                command.name() == Some(manager) && package::operands(command, &names, &[]).is_some()
            };
            let Some(last) = commands.iter().rposition(installs) else { continue };
            // What is cleaned before comes back.
            let is_clean = commands[last..].iter().any(|command| {
                let cleans = cleans.iter().any(|(name, word)| {
                    name == manager
                        && command.name() == Some(name)
                        && command.arguments().any(|one| one == *word)
                });
                cleans || removes(command, &[cache, "/var/cache/yum", "/var/cache/dnf"])
            });
            let own = format!("/var/cache/{manager}");
            let is_mounted = package::is_mounted(run, cache) || package::is_mounted(run, &own);
            if !is_clean && !is_mounted {
                let title = format!("{manager} keeps its cache");
                hits.push(view.hit_command(index, &commands[last], title));
            }
        }
    }
    hits
}

fn yarn(view: &View<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (index, run) in view.named("RUN") {
        let commands: Vec<Command> =
            view.commands_of(index).iter().map(Command::unwrapped).collect();
        let is = |command: &Command, word: &str| {
            command.name() == Some("yarn") && command.arguments().any(|one| one == word)
        };
        let Some(last) = commands.iter().rposition(|command| is(command, "install")) else {
            continue;
        };
        let cleans =
            commands[last..].iter().any(|command| is(command, "cache") && is(command, "clean"));
        let cache = package::is_mounted(run, "/.yarn")
            || package::is_mounted(run, "/.cache/yarn")
            || package::is_mounted(run, ".yarn-cache")
            || package::is_mounted(run, "yarn");
        if !cleans && !cache && is_kept(view, index) {
            hits.push(view.hit_command(index, &commands[last], "yarn keeps its cache"));
        }
    }
    hits
}
