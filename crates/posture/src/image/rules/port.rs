use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cis, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-privileged-port",
        "The image listens on a privileged port",
        Severity::Info,
        [
            "Looks for ports below 1024 among those that the image says it listens on (22 has a \
             rule of its own).",
            "To bind one, a program has to be root or hold the capability NET_BIND_SERVICE, unless \
             the container's own limit is lowered.",
            "Listen on a port above 1023 and map it where the container is published.",
        ],
        const { &[cis("Docker 5.8")] },
    ),
    fix: "listen above 1023 and publish under the port that is wanted",
    check,
};

/// The ports that the image exposes, as numbers and as written; the first of a range counts.
pub(super) fn ports<'a>(image: &Image<'a>) -> impl Iterator<Item = (u16, &'a str)> {
    let exposed = image.configuration.map(|configuration| &configuration.config.exposed_ports);
    exposed.into_iter().flat_map(|ports| ports.keys()).filter_map(|written| {
        let number = written.split(['/', '-']).next()?;
        Some((number.parse().ok()?, written.as_str()))
    })
}

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let privileged = ports(image).filter(|(port, _)| (1..1024).contains(port) && *port != 22);
    privileged
        .map(|(_, written)| Observation {
            subject: format!("port {written}"),
            title: format!("the image listens on the privileged port {written}"),
            location: "config.ExposedPorts".into(),
            saw: written.to_owned(),
            wanted: "a port above 1023",
            ..Observation::default()
        })
        .collect()
}
