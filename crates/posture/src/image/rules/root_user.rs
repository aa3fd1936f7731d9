use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cis, cwe, nist, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-root-user",
        "The image runs as root",
        Severity::Medium,
        [
            "Looks at the user that the image's configuration names. It names none, which means \
             root, or it names root.",
            "Whoever takes over the program is root in the container: may change every file in it, \
             and needs one mistake in the kernel or in the container's settings to be root on the \
             host. Kubernetes refuses such images under the restricted Pod Security standard.",
            "Make a user in the build and end the Dockerfile with 'USER 10001' or the like; a \
             number can be checked without looking into the image. Give that user the directories \
             that it writes to.",
        ],
        const { &[cis("Docker 4.1"), nist("3.1.2"), cwe("CWE-250")] },
    ),
    fix: "end the Dockerfile with USER and a number other than 0",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let Some(configuration) = image.configuration else { return Vec::new() };
    let user = configuration.config.user.as_str();
    let name = user.split(':').next().unwrap_or_default();
    if !matches!(name, "" | "root" | "0") {
        return Vec::new();
    }
    let saw = if user.is_empty() { "no user, which is root".to_owned() } else { user.to_owned() };
    vec![Observation {
        subject: "user".into(),
        title: "the image runs as root".into(),
        location: "config.User".into(),
        saw,
        wanted: "a user other than root",
        ..Observation::default()
    }]
}
