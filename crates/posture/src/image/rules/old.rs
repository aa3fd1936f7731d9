use cofferdam_finding::Severity;
use time::{Date, OffsetDateTime, format_description::well_known::Rfc3339};

use super::{ImageRule, Observation, nist, rule};
use crate::image::{Image, Policy};

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-old",
        "The image was built long ago",
        Severity::Low,
        [
            "Compares the day on which the image was built with today: 180 days, or what \
             scan.max-age says. Reproducible builds that set the date to the beginning of 1970 or \
             1980 are left out.",
            "An image gets no security fixes after it was built. What it is made of gets older, \
             whether or not vulnerabilities of it are known yet.",
            "Build it again on a current base, regularly and without waiting for an occasion.",
        ],
        const { &[nist("3.1.1")] },
    ),
    fix: "build the image again on a current base",
    check,
};

/// Before this year there were no such images: the date means nothing.
const FIRST_YEAR: i32 = 2013;

/// The day of an RFC 3339 time, if it says anything.
pub(super) fn day(text: &str) -> Option<Date> {
    let day = OffsetDateTime::parse(text, &Rfc3339).ok()?.date();
    (day.year() >= FIRST_YEAR).then_some(day)
}

fn check(image: &Image<'_>, today: Date) -> Vec<Observation> {
    let created = image.configuration.and_then(|configuration| configuration.created.as_deref());
    let Some(built) = created.and_then(day) else { return Vec::new() };
    let age = (today - built).whole_days();
    if age <= i64::from(image.policy.max_age.unwrap_or(Policy::OLD)) {
        return Vec::new();
    }
    vec![Observation {
        subject: "age".into(),
        title: format!("the image was built {age} days ago"),
        location: "created".into(),
        saw: built.to_string(),
        wanted: "a recent build",
        // Who sets a limit means it.
        severity: image.policy.max_age.map(|_| Severity::Medium),
    }]
}
