use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cis, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-ssh-port",
        "The image exposes SSH",
        Severity::Medium,
        [
            "Looks for port 22 among the ports that the image says it listens on.",
            "A container is reached through its engine ('exec'), with the engine's control of \
             access and its log. A second way in has keys and passwords of its own to look after.",
            "Remove the server and the EXPOSE.",
        ],
        const { &[cis("Docker 5.7")] },
    ),
    fix: "remove the SSH server and its EXPOSE",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let ports = super::port::ports(image).filter(|(port, _)| *port == 22);
    ports
        .map(|(_, written)| Observation {
            subject: format!("port {written}"),
            title: "the image exposes SSH".into(),
            location: "config.ExposedPorts".into(),
            saw: written.to_owned(),
            wanted: "no port of SSH",
            ..Observation::default()
        })
        .collect()
}
