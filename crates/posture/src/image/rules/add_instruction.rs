use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cis, cwe, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-add-instruction",
        "The image was built with ADD",
        Severity::Low,
        [
            "Looks at the history for ADD, other than the one that brings a base's root file \
             system; one that fetches from an address is medium.",
            "ADD unpacks archives and fetches from the network, as the name of the source happens \
             to be; what it fetches is checked by nothing unless --checksum is given.",
            "Use COPY for files. For downloads use ADD --checksum=sha256:…, or a RUN that verifies a \
             checksum or signature.",
        ],
        const { &[cis("Docker 4.9"), cwe("CWE-494")] },
    ),
    fix: "use COPY, or ADD --checksum for downloads",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let mut observed = Vec::new();
    for step in image.steps().iter().filter(|step| step.instruction.name == "ADD") {
        let rest = step.instruction.rest;
        let is_root = ["in /", " /"].iter().any(|end| rest.ends_with(end)) && !step.empty;
        let fetches =
            rest.contains("http://") || rest.contains("https://") || rest.contains("git@");
        if (is_root && !fetches) || rest.contains("--checksum=") {
            continue;
        }
        observed.push(Observation {
            subject: format!("history step {}", step.number),
            title: match fetches {
                true => "a step fetches a file with ADD, without a checksum".into(),
                false => "a step adds files with ADD".into(),
            },
            location: String::new(),
            saw: format!("ADD {rest}"),
            wanted: "COPY",
            severity: fetches.then_some(Severity::Medium),
        });
    }
    observed
}
