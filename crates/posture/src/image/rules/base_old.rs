use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, nist, old::day, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-base-old",
        "The image was built on an old base",
        Severity::Low,
        [
            "Compares the times in the image's history: its lowest layer was made more than 90 days \
             before the image was.",
            "The base's own fixes since then are not in the image. Builders keep using a base that \
             they have, unless they are told to look for a newer one.",
            "Build with '--pull' (and '--no-cache' now and then), or name the newest digest of the \
             base. A tool that keeps the digest in the Dockerfile current helps.",
        ],
        const { &[nist("3.1.1")] },
    ),
    fix: "build with --pull, or name the newest digest of the base",
    check,
};

/// Days by which a base may be older.
const DAYS: i64 = 90;

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let steps = image.steps();
    let base = steps.iter().find(|step| !step.empty).and_then(|step| step.created).and_then(day);
    let created = image.configuration.and_then(|configuration| configuration.created.as_deref());
    let (Some(base), Some(built)) = (base, created.and_then(day)) else { return Vec::new() };
    let days = (built - base).whole_days();
    if days <= DAYS {
        return Vec::new();
    }
    vec![Observation {
        subject: "base".into(),
        title: format!("the base was {days} days old when the image was built"),
        location: "history".into(),
        saw: format!("base of {base}, image of {built}"),
        wanted: "a current base",
        ..Observation::default()
    }]
}
