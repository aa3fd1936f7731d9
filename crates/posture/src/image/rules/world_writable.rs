use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, cwe, nist, rule};
use crate::{image::Image, layer::What};

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-world-writable",
        "Everybody may write a file or directory",
        Severity::Low,
        [
            "Looks at permission bits: files that others may write, and directories that others may \
             write and that lack the sticky bit.",
            "Any process in the container can change the file, or replace files in the directory, \
             whoever owns them: programs, configuration, and what root will execute next.",
            "Give the file to the user that needs it ('COPY --chown=…'), and set mode 0755 or 1777 \
             for directories that really are for all. 'chmod 777' is never the answer.",
        ],
        const { &[nist("3.1.2"), cwe("CWE-732")] },
    ),
    fix: "take the write permission of others away: chmod o-w",
    check,
};

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    let writable = image.notable().filter_map(|(notable, layer)| match notable.what {
        What::WritableFile => Some((notable.path.as_str(), "file", layer)),
        What::WritableDirectory => {
            Some((notable.path.as_str(), "directory without sticky bit", layer))
        }
        _ => None,
    });
    writable
        .map(|(path, kind, layer)| {
            let layer = layer.map(|layer| format!(", in layer {layer}")).unwrap_or_default();
            Observation {
                subject: path.into(),
                title: format!("everybody may write {path}"),
                location: path.into(),
                saw: format!("a {kind} that others may write{layer}"),
                wanted: "no write permission for others",
                ..Observation::default()
            }
        })
        .collect()
}
