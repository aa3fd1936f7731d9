use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, nist, rule};
use crate::{image::Image, layer::What};

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-device-node",
        "A device node is in the image",
        Severity::Low,
        [
            "Looks for character and block devices in the layers (not for those that whiteouts of \
             old formats consist of).",
            "Engines make the devices that a container needs. A node in a layer opens a device of \
             the host wherever the device controller does not forbid it, and cannot be unpacked by \
             ordinary users.",
            "Remove it in the step that makes it.",
        ],
        const { &[nist("3.1.2")] },
    ),
    fix: "do not make device nodes in the build",
    check,
};

/// Devices that every container has (runtime-spec, "Default Devices").
const STANDARD: &[&str] = &["console", "full", "null", "ptmx", "random", "tty", "urandom", "zero"];

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    // The root of a running system has them, and should.
    if image.configuration.is_none() {
        return Vec::new();
    }
    let mut observed = super::by_file(image, What::Device, "no device nodes", |path| {
        format!("{path} is a device node")
    });
    for observation in &mut observed {
        if observation.subject.strip_prefix("dev/").is_some_and(|name| STANDARD.contains(&name)) {
            observation.subject = "dev".into();
            observation.title = "the image has device nodes that engines make anyway".into();
            observation.severity = Some(Severity::Info);
        }
    }
    observed
}
