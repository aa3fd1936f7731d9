use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-writable-root",
        "A container can change its own programs",
        cofferdam_finding::Severity::Low,
        "A container does not set securityContext.readOnlyRootFilesystem to true.",
        "An intruder can put tools into the container and change what it runs.",
        "Set readOnlyRootFilesystem to true, and mount an emptyDir where the program has to write.",
    ),
    look,
};

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    if subject.workload.spec.is_windows() {
        return Vec::new();
    }
    let containers = subject.pod.containers();
    containers
        .filter(|(path, _)| !path.contains(".ephemeralContainers["))
        .filter_map(|(path, container)| {
            let saw = match container.security().read_only_root_filesystem {
                Some(true) => return None,
                Some(false) => "false",
                None => "unset",
            };
            let field = path + ".securityContext.readOnlyRootFilesystem";
            Some(Observed::new(field, saw, "true"))
        })
        .collect()
}
