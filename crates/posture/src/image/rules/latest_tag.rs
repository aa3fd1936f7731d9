use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-latest-tag",
        "The image is named by the tag latest",
        Severity::Info,
        [
            "Looks at the reference that was given: its tag is latest, or it has none, which means \
             the same.",
            "What runs changes without a change anywhere, two machines run different programs under \
             one name, and there is nothing to go back to.",
            "Name images by a version, or by digest.",
        ],
        const { &[cofferdam_finding::Reference::new("CIS", "Docker 5.28")] },
    ),
    fix: "name the image by a version or a digest",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let reference = image.reference.filter(|reference| reference.digest().is_none());
    match reference {
        Some(reference) if reference.tag() == Some("latest") => vec![Observation {
            subject: "reference".into(),
            title: "the image is named by the tag latest".into(),
            location: String::new(),
            saw: reference.to_string(),
            wanted: "a version or a digest",
            ..Observation::default()
        }],
        _ => Vec::new(),
    }
}
