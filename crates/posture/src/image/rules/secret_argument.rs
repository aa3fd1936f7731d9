use cofferdam_finding::Severity;
use time::Date;

use super::{
    ImageRule, Observation, cis, cwe, nist, rule,
    secret_variable::{is_secret_name, is_secret_value},
};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-secret-argument",
        "A build argument named like a secret is in the history",
        Severity::High,
        [
            "Looks at the image's history for build arguments with names such as PASSWORD or TOKEN: \
             builders write the value of each argument in front of every command that may use it.",
            "'docker history' shows it to everybody who can pull the image.",
            "Revoke the secret. Mount it during the build instead: 'RUN \
             --mount=type=secret,id=token …', and 'docker build --secret id=token,src=…'.",
        ],
        const { &[cis("Docker 4.10"), nist("3.1.4"), cwe("CWE-538")] },
    ),
    fix: "use RUN --mount=type=secret instead of ARG, and revoke the secret",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let mut observed: Vec<Observation> = Vec::new();
    for step in image.steps() {
        let secret =
            step.arguments().filter(|(n, value)| is_secret_name(n) && is_secret_value(value));
        for (name, value) in secret {
            let subject = format!("build argument {name}");
            if observed.iter().any(|known| known.subject == subject) {
                continue;
            }
            observed.push(Observation {
                title: format!("the build argument {name} is in the history with its value"),
                subject,
                location: format!("history step {}", step.number),
                saw: format!("{name} with {} characters", value.chars().count()),
                wanted: "no secret in the history",
                ..Observation::default()
            });
        }
    }
    observed
}
