use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cis, rule};
use crate::{image::Image, layer::What};

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-ssh-server",
        "An SSH server is in the image",
        Severity::Low,
        [
            "Looks for sshd and dropbear.",
            "A container is reached through its engine; a server of its own is one more service with \
             vulnerabilities, keys and accounts.",
            "Remove the package: openssh-server, or dropbear.",
        ],
        const { &[cis("Docker 5.7")] },
    ),
    fix: "remove the package with the SSH server",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    if image.configuration.is_none() {
        return Vec::new();
    }
    super::by_file(image, What::SshServer, "no SSH server", |path| {
        format!("{path} is an SSH server")
    })
}
