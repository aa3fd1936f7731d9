use cofferdam_finding::Severity;
use time::Date;

use super::{ImageRule, Observation, rule};
use crate::image::Image;

pub(super) static RULE: ImageRule = ImageRule {
    rule: rule(
        "image-package-cache",
        "What package managers downloaded is still in the image",
        Severity::Info,
        [
            "Adds up, over all layers, what is in var/lib/apt/lists, var/cache/apk, \
             root/.cache/pip and the like. Less than a megabyte is no finding.",
            "It is of no use to who runs the image, makes it larger, and lists and packages of some \
             day stay in it. Deleting it in a later layer does not make the image smaller.",
            "Delete it in the RUN that makes it ('rm -rf /var/lib/apt/lists/*'), use 'apk add \
             --no-cache', 'pip install --no-cache-dir', or a cache mount: 'RUN --mount=type=cache,\
             target=/var/cache/apt …'.",
        ],
        &[],
    ),
    fix: "delete it in the step that makes it, or use a cache mount",
    check,
};

/// Bytes below which it is not worth a word.
const LEAST: u64 = 1 << 20;

fn check(image: &Image<'_>, _: Date) -> Vec<Observation> {
    if image.configuration.is_none() {
        return Vec::new();
    }
    let mut observed = Vec::new();
    for (index, layer) in image.layers.iter().enumerate() {
        for cache in layer.caches.iter().filter(|cache| cache.bytes >= LEAST) {
            let layer = image.digest(index).map(|d| format!(", in layer {d}")).unwrap_or_default();
            observed.push(Observation {
                subject: cache.directory.clone(),
                title: format!("{} holds what a package manager downloaded", cache.directory),
                location: cache.directory.clone(),
                saw: format!("{} bytes{layer}", cache.bytes),
                wanted: "nothing",
                ..Observation::default()
            });
        }
    }
    observed
}
