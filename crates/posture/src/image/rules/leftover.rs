use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, nist, rule};
use crate::{image::Image, layer::What};

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-development-leftover",
        "Version control or a shell's history is in the image",
        Severity::Low,
        [
            "Looks for .git, .svn, .hg, and for the histories of shells and database clients.",
            "A repository holds every earlier version, secrets that were removed since included; a \
             history holds commands with passwords in them. Both are served by web servers that \
             were not told otherwise.",
            "List them in .dockerignore, or copy single directories instead of everything.",
        ],
        const { &[nist("3.1.4")] },
    ),
    fix: "list it in .dockerignore",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    super::by_file(image, What::Leftover, "no leftovers", |path| {
        format!("{path} is left over from development")
    })
}
