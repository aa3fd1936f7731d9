use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-image-tag",
        "An image has no tag, or the tag latest",
        cofferdam_finding::Severity::Medium,
        "The image of a container has neither a digest nor a tag other than latest.",
        "Which image runs then depends on the day and the node: what was scanned and tested is not \
         what starts after the next restart, and going back is not possible.",
        "Name the digest (image@sha256:…), or at least the tag of a release.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let containers = subject.pod.containers();
    containers
        .filter(|(_, container)| is_moving(&container.inner.image))
        .map(|(path, container)| {
            Observed::new(path + ".image", &container.inner.image, "a digest or a tag")
        })
        .collect()
}

/// Whether which image is meant changes by itself.
pub(super) fn is_moving(image: &str) -> bool {
    if image.is_empty() || image.contains('@') {
        return false;
    }
    // A colon before the last slash is that of a port.
    let name = image.rsplit('/').next().unwrap_or(image);
    name.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        for (image, moving) in [
            ("nginx", true),
            ("nginx:latest", true),
            ("host:5000/nginx", true),
            ("host:5000/nginx:1.27", false),
            ("nginx@sha256:00", false),
            ("nginx:latest@sha256:00", false),
        ] {
            assert_eq!(is_moving(image), moving, "{image}");
        }
    }
}
