use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, nist, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-not-pinned",
        "The image is not named by its digest",
        Severity::Medium,
        [
            "Looks at the reference that was given, if scan.pinned is on: it has no digest.",
            "A tag can be moved to another image at any time; what was looked at need not be what \
             runs.",
            "Name the image as NAME@sha256:…; 'cofferdam image inspect' shows the digest.",
        ],
        const { &[nist("3.1.5")] },
    ),
    fix: "name the image by its digest",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    match image.reference {
        Some(reference) if image.policy.pinned && reference.digest().is_none() => {
            vec![Observation {
                subject: "reference".into(),
                title: "the image is named by a tag, which can be moved".into(),
                saw: reference.to_string(),
                wanted: "a digest",
                ..Observation::default()
            }]
        }
        _ => Vec::new(),
    }
}
