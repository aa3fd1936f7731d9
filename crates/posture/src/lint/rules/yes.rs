//! Package managers that would ask, or install more than was asked for.

use cofferdam_finding::Severity;

use super::{LintRule, hadolint, package, rule};
use crate::{
    lint::view::{Hit, View, insert},
    shell::Command,
};

const WHY: &str = "A build has nobody to answer: it stops there, or fails.";

macro_rules! yes {
    ($id:literal, $manager:literal, $option:literal, $dl:literal, $check:expr) => {
        rule(
            ($id, concat!($manager, " would ask before it installs"), Severity::Medium),
            [
                concat!("Looks for ", $manager, " without ", $option, "."),
                WHY,
                concat!("Add ", $option, "; 'cofferdam lint --fix' does."),
            ],
            const { &[hadolint($dl)] },
            concat!("add ", $option),
            $check,
        )
    };
}

pub(super) static RULES: &[LintRule] = &[
    yes!("dockerfile-apt-yes", "apt-get install", "-y", "DL3014", apt),
    yes!("dockerfile-yum-yes", "yum install", "-y", "DL3030", yum),
    yes!("dockerfile-dnf-yes", "dnf install", "-y", "DL3038", dnf),
    yes!("dockerfile-zypper-yes", "zypper install", "-n", "DL3034", zypper),
    rule(
        ("dockerfile-apt-recommends", "apt-get installs what is only recommended", Severity::Info),
        [
            "Looks for apt-get install without --no-install-recommends.",
            "Recommended packages make the image larger, and what can be attacked in it.",
            "Add --no-install-recommends, and name what is then missing.",
        ],
        const { &[hadolint("DL3015")] },
        "add --no-install-recommends",
        recommends,
    ),
];

const APT_YES: &[&str] = &["-y", "--yes", "--assume-yes", "-qq"];

fn apt(view: &View<'_>) -> Vec<Hit> {
    asks(view, "-y", |command| {
        let answers = command.has_option(APT_YES)
            || command.arguments().any(|word| word.starts_with("-qq") || word == "-q=2")
            || command.arguments().filter(|word| matches!(*word, "-q" | "--quiet")).count() > 1
            || command.arguments().any(|word| word.starts_with("APT::Get::Assume-Yes"));
        matches!(command.name(), Some("apt-get"))
            && package::operands(command, &["install"], &["-t", "-o", "-c"]).is_some()
            && !answers
    })
}

fn yum(view: &View<'_>) -> Vec<Hit> {
    asks(view, "-y", |command| {
        let installs = ["install", "groupinstall", "localinstall"];
        command.name() == Some("yum")
            && package::operands(command, &installs, &[]).is_some()
            && !command.has_option(&["-y", "--assumeyes"])
    })
}

fn dnf(view: &View<'_>) -> Vec<Hit> {
    asks(view, "-y", |command| {
        let installs = ["install", "groupinstall", "localinstall"];
        matches!(command.name(), Some("dnf" | "microdnf"))
            && package::operands(command, &installs, &[]).is_some()
            && !command.has_option(&["-y", "--assumeyes"])
    })
}

fn zypper(view: &View<'_>) -> Vec<Hit> {
    let installs =
        ["install", "in", "remove", "rm", "source-install", "si", "patch", "update", "up"];
    let asking = view.commands().filter(|(_, command)| {
        command.name() == Some("zypper")
            && package::operands(command, &installs, &[]).is_some()
            && !command.has_option(&["-n", "--non-interactive", "-y", "--no-confirm"])
    });
    // Its global option stands before the subcommand.
    asking
        .map(|(index, command)| {
            let mut hit = view.hit_command(index, &command, "zypper would ask");
            if view.is_editable(index) {
                hit.edits.push(insert(command.words[0].end, " -n"));
            }
            hit
        })
        .collect()
}

/// A hit for each command that asks, with the option behind the subcommand as its fix.
fn asks(view: &View<'_>, option: &str, is_asking: fn(&Command) -> bool) -> Vec<Hit> {
    let asking = view.commands().filter(|(_, command)| is_asking(command));
    asking
        .map(|(index, command)| {
            let name = command.name().unwrap_or_default().to_owned();
            let mut hit = view.hit_command(index, &command, format!("{name} would ask"));
            let subcommand = command.words.iter().find(|word| word.text.ends_with("install"));
            if let Some(word) = subcommand.filter(|_| view.is_editable(index)) {
                hit.edits.push(insert(word.end, &format!(" {option}")));
            }
            hit
        })
        .collect()
}

fn recommends(view: &View<'_>) -> Vec<Hit> {
    let without = view.commands().filter(|(_, command)| {
        let off = |word: &str| {
            word.eq_ignore_ascii_case("APT::Install-Recommends=false")
                || word.eq_ignore_ascii_case("APT::Install-Recommends=0")
        };
        matches!(command.name(), Some("apt-get" | "apt" | "aptitude"))
            && package::operands(command, &["install"], &["-t", "-o", "-c"]).is_some()
            && !command.has_option(&["--no-install-recommends"])
            && !command.arguments().any(off)
    });
    without
        .map(|(index, command)| {
            view.hit_command(index, &command, "recommended packages are installed too")
        })
        .collect()
}
