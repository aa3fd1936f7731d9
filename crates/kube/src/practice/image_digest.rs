use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-image-by-tag",
        "An image is named by tag, not by digest",
        cofferdam_finding::Severity::Info,
        "The image of a container has a tag but no digest.",
        "A tag can be moved: what runs after the next restart may be another image than the one \
         that was scanned.",
        "Name the digest behind the tag: image:tag@sha256:…",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let containers = subject.pod.containers();
    containers
        // Of images without a tag, kube-image-tag tells.
        .filter(|(_, container)| {
            let image = &container.inner.image;
            !image.is_empty() && !image.contains('@') && !super::image_tag::is_moving(image)
        })
        .map(|(path, container)| Observed::new(path + ".image", &container.inner.image, "a digest"))
        .collect()
}
