use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cis, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-update-alone",
        "Package lists were updated in a step of their own",
        Severity::Low,
        [
            "Looks at the history for 'apt-get update', 'apk update' or 'yum makecache' without an \
             install in the same step.",
            "Builders cache the step: later installs use lists of the day of the first build, and \
             install versions with known vulnerabilities or fail.",
            "Update and install in one RUN.",
        ],
        const { &[cis("Docker 4.7")] },
    ),
    fix: "update and install in the same RUN",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let steps = image.steps();
    let alone = steps.iter().filter(|step| step.command().is_some_and(is_alone));
    alone
        .map(|step| Observation {
            subject: format!("history step {}", step.number),
            title: "package lists are updated in a step of their own".into(),
            location: String::new(),
            saw: step.command().unwrap_or_default().to_owned(),
            wanted: "update and install in one step",
            ..Observation::default()
        })
        .collect()
}

fn is_alone(command: &str) -> bool {
    let updates = ["apt-get update", "apt update", "apk update", "yum makecache", "dnf makecache"];
    let uses = [" install", " add", " upgrade", " dist-upgrade", " build-dep", " source"];
    updates.iter().any(|update| command.contains(update))
        && !uses.iter().any(|word| command.contains(word))
}
