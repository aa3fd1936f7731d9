use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cwe, rule};
use crate::{image::Image, layer::What};

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-sudo",
        "sudo is in the image",
        Severity::Low,
        [
            "Looks for sudo and doas.",
            "In an image it mostly serves to undo the USER instruction: with a rule that asks for no \
             password, the ordinary user is root in all but name.",
            "Do what needs root in the build, before USER, and remove the package.",
        ],
        const { &[cwe("CWE-250")] },
    ),
    fix: "remove the package, and do what needs root before USER",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    if image.configuration.is_none() {
        return Vec::new();
    }
    super::by_file(image, What::Sudo, "no sudo", |path| format!("{path} makes users root"))
}
