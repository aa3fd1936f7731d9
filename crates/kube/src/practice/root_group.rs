use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-root-group",
        "A container is in the group root",
        cofferdam_finding::Severity::Low,
        "A pod or container sets runAsGroup to 0.",
        "Files of the group root, in the image and on volumes, are readable and often writable \
         for it.",
        "Set runAsGroup to a group of the application's own.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let own = (subject.pod.path.to_owned(), subject.pod.security().run_as_group);
    let containers = subject.pod.containers();
    let all = containers.map(|(path, container)| (path, container.security().run_as_group));
    std::iter::once(own)
        .chain(all)
        .filter(|(_, group)| *group == Some(0))
        .map(|(path, _)| Observed::new(path + ".securityContext.runAsGroup", "0", "another"))
        .collect()
}
