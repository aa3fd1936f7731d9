use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cwe, nist, rule};
use crate::{image::Image, shell};

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-pipe-to-shell",
        "The build executed what it downloaded",
        Severity::Medium,
        [
            "Looks at the history for commands that pipe curl or wget into a shell or an \
             interpreter.",
            "Whoever controls the address, or the way there, decides what is in the image, for this \
             build and differently for the next; nothing checks what was executed.",
            "Download to a file, verify its checksum or signature, then execute it. Better, install \
             the program from a package.",
        ],
        const { &[nist("3.1.5"), cwe("CWE-494")] },
    ),
    fix: "download to a file and verify it before executing it",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let steps = image.steps();
    let piped =
        steps.iter().filter(|step| step.command().is_some_and(shell::pipes_download_to_shell));
    piped
        .map(|step| Observation {
            subject: format!("history step {}", step.number),
            title: "a step executes what it downloads".into(),
            location: String::new(),
            saw: step.command().unwrap_or_default().to_owned(),
            wanted: "a verified download",
            ..Observation::default()
        })
        .collect()
}
