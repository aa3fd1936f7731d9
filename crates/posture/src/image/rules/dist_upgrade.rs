use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-distribution-upgrade",
        "The build upgraded to another release",
        Severity::Low,
        [
            "Looks at the history for 'apt-get dist-upgrade', 'do-release-upgrade' and 'dnf \
             system-upgrade'.",
            "The image then is of a release that its base does not say, with what the release \
             before left behind. (Plain 'upgrade' is no finding: it brings security fixes that the \
             base does not have yet.)",
            "Use a base image of the release that is wanted.",
        ],
        &[],
    ),
    fix: "use a base image of the release that is wanted",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let upgrades = |command: &str| {
        let words: Vec<&str> = command.split_whitespace().collect();
        words.contains(&"dist-upgrade")
            || words.contains(&"do-release-upgrade")
            || words.contains(&"system-upgrade")
    };
    let steps = image.steps();
    let found = steps.iter().filter(|step| step.command().is_some_and(upgrades));
    found
        .map(|step| Observation {
            subject: format!("history step {}", step.number),
            title: "a step upgrades to another release".into(),
            location: String::new(),
            saw: step.command().unwrap_or_default().to_owned(),
            wanted: "a base image of that release",
            ..Observation::default()
        })
        .collect()
}
