use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, nist, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-registry-not-allowed",
        "The image comes from a registry that is not allowed",
        Severity::High,
        [
            "Compares the reference that was given with scan.registries. Without that setting there \
             is no finding; images that are not named by a reference (files, directories) are not \
             compared.",
            "An organisation that lists its registries has decided whom it trusts; anybody can \
             publish under a similar name elsewhere.",
            "Copy the image into a registry that is allowed, after looking at it, or add the \
             registry to the list.",
        ],
        const { &[nist("3.1.5")] },
    ),
    fix: "use an image of a registry that is allowed",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let allowed = &image.policy.registries;
    let Some(reference) = image.reference.filter(|_| !allowed.is_empty()) else {
        return Vec::new();
    };
    let name = format!("{}/{}", reference.registry(), reference.repository());
    let is_in = |allowed: &String| {
        let allowed = allowed.trim_end_matches('/');
        name.strip_prefix(allowed).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if allowed.iter().any(is_in) {
        return Vec::new();
    }
    vec![Observation {
        subject: "registry".into(),
        title: format!("{} is not among the registries that are allowed", reference.registry()),
        location: "reference".into(),
        saw: name,
        wanted: "a registry that is allowed",
        ..Observation::default()
    }]
}
