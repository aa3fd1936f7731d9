use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cis, nist, rule};
use crate::{image::Image, layer::What};

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-credentials-file",
        "A file that programs keep credentials in is in the image",
        Severity::Medium,
        [
            "Looks for files by their name: .aws/credentials, .docker/config.json, .kube/config, \
             .npmrc, .netrc, .git-credentials, .env, terraform.tfstate and others.",
            "Such files usually come along with 'COPY . .' and hold what opens other systems. The \
             rules on secrets say so where they recognise what is in them; not every secret can be \
             recognised.",
            "List the file in .dockerignore and build again. If it held something real, revoke that.",
        ],
        const { &[cis("Docker 4.10"), nist("3.1.4")] },
    ),
    fix: "list it in .dockerignore, and revoke what it held",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    super::by_file(image, What::Credentials, "no file with credentials", |path| {
        format!("{path} usually holds credentials")
    })
}
