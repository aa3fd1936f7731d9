use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cis, nist, rule};
use crate::{image::Image, layer::What};

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-key-file",
        "A file named like a private key or a key store is in the image",
        Severity::Medium,
        [
            "Looks for files named id_rsa, id_ed25519, *.key, *.p12, *.pfx, *.jks, *.kdbx and the \
             like, outside of third-party code.",
            "A key in an image is a key for everybody who can pull it. Binary key stores are not \
             recognised by the rules on secrets; their name gives them away.",
            "Mount keys when the container starts, list them in .dockerignore, and replace the key \
             if it was in use.",
        ],
        const { &[cis("Docker 4.10"), nist("3.1.4")] },
    ),
    fix: "mount the key at run time instead, and replace it",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    super::by_file(image, What::KeyFile, "no private key", |path| {
        format!("{path} is named like a private key or key store")
    })
}
