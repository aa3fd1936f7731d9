use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cis, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-no-healthcheck",
        "The image has no health check",
        Severity::Info,
        [
            "Looks for a HEALTHCHECK in the image's configuration.",
            "Without one, an engine takes a container for healthy as long as its process exists. \
             Kubernetes does not use it: there, probes of the pod do the same.",
            "Add a HEALTHCHECK that asks the program itself, or rely on the probes of the \
             orchestrator and waive this rule.",
        ],
        const { &[cis("Docker 4.6")] },
    ),
    fix: "add HEALTHCHECK, or rely on the orchestrator's probes",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let is_missing = |check: Option<&serde_json::Value>| {
        check.is_none_or(|check| check["Test"][0].as_str().is_none_or(|test| test == "NONE"))
    };
    match image.configuration {
        Some(configuration) if is_missing(configuration.config.healthcheck.as_ref()) => {
            vec![Observation {
                subject: "healthcheck".into(),
                title: "the image has no health check".into(),
                location: "config.Healthcheck".into(),
                saw: "none".into(),
                wanted: "a check",
                ..Observation::default()
            }]
        }
        _ => Vec::new(),
    }
}
