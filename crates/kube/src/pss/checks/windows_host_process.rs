use super::{Check, Level, Observed, Pod, rule};

pub(super) static CHECK: Check = Check {
    id: "windowsHostProcess",
    level: Level::Baseline,
    versions: &[(0, check)],
    overrides: &[],
    rule: rule(
        "kube-windows-host-process",
        "A container is a process of the Windows host",
        cofferdam_finding::Severity::High,
        "A pod or a container sets windowsOptions.hostProcess to true.",
        "It is not contained at all: it sees the node's file system and can run as SYSTEM.",
        "Remove the field.",
    ),
};

fn check(pod: &Pod<'_>) -> Vec<Observed> {
    let own = pod.security().windows_options.as_ref().map(|options| (pod.path.to_owned(), options));
    let containers = pod.containers().filter_map(|(path, container)| {
        Some((path, container.security().windows_options.as_ref()?))
    });
    own.into_iter()
        .chain(containers)
        .filter(|(_, options)| options.host_process == Some(true))
        .map(|(path, _)| {
            Observed::new(path + ".securityContext.windowsOptions.hostProcess", "true", "false")
        })
        .collect()
}
