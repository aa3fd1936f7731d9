use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-pull-policy",
        "An image is not asked for again",
        cofferdam_finding::Severity::Info,
        "A container whose image has no digest does not set imagePullPolicy to Always (which is \
         the default for the tag latest only).",
        "The node starts whatever it has by that name: an old image, one that another pod put \
         there, and one that this pod has no right to pull.",
        "Set imagePullPolicy to Always, name the digest, or switch on the admission plugin \
         AlwaysPullImages.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let containers = subject.pod.containers();
    containers
        .filter_map(|(path, container)| {
            let inner = container.inner;
            let is_asked = match inner.image_pull_policy.as_str() {
                "Always" => true,
                "" => super::image_tag::is_moving(&inner.image),
                _ => false,
            };
            if inner.image.is_empty() || inner.image.contains('@') || is_asked {
                return None;
            }
            let saw = match inner.image_pull_policy.as_str() {
                "" => "unset",
                policy => policy,
            };
            Some(Observed::new(path + ".imagePullPolicy", saw, "Always"))
        })
        .collect()
}
