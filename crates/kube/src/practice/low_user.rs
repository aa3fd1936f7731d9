use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-low-user",
        "A container runs as a user of the node",
        cofferdam_finding::Severity::Info,
        "A pod or container sets runAsUser to a number from 1 to 9999.",
        "Users of the node have such numbers: if the program gets out of the container, or \
         writes to a hostPath, it is one of them.",
        "Set runAsUser to 10000 or higher, or hostUsers to false.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    if subject.workload.spec.has_user_namespace() {
        return Vec::new();
    }
    let own = (subject.pod.path.to_owned(), subject.pod.security().run_as_user);
    let containers = subject.pod.containers();
    let all = containers.map(|(path, container)| (path, container.security().run_as_user));
    std::iter::once(own)
        .chain(all)
        .filter_map(|(path, user)| {
            let user = user.filter(|user| (1..10_000).contains(user))?;
            let field = path + ".securityContext.runAsUser";
            Some(Observed::new(field, user.to_string(), "10000 or higher"))
        })
        .collect()
}
