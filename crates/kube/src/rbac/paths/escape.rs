use crate::{Workload, pss::Pod};

/// Capabilities with which a container takes over its node, alone.
const CAPABILITIES: [&str; 7] =
    ["ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "SYS_BOOT", "DAC_READ_SEARCH", "BPF"];

/// Paths of a node that lead to root on it when they can be written to, or (sockets) connected to.
const PATHS: [&str; 17] = [
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/lib64",
    "/opt/cni",
    "/proc",
    "/root",
    "/run",
    "/sys",
    "/usr",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/kubelet",
    "/var/run",
    "/var/spool/cron",
];

/// The field by which a container of `workload` gets root on its node, and what it is. What needs a
/// flaw in the kernel or the runtime is none.
pub fn node_escape(workload: &Workload<'_>) -> Option<(String, String)> {
    let pod = Pod { metadata: &workload.metadata, spec: &workload.spec, path: workload.path };
    // In a user namespace of its own, root is nobody on the node.
    if workload.spec.has_user_namespace() {
        return None;
    }
    for (path, container) in pod.containers() {
        let security = container.security();
        let field = |name: &str| format!("{path}.securityContext.{name}");
        if security.privileged == Some(true) {
            return Some((field("privileged"), "true".into()));
        }
        let added = security.capabilities.as_ref().map(|capabilities| &capabilities.add);
        for capability in added.into_iter().flatten() {
            let name = capability.strip_prefix("CAP_").unwrap_or(capability);
            let traces = name == "SYS_PTRACE" && workload.spec.host_pid;
            if CAPABILITIES.contains(&name) || traces {
                return Some((field("capabilities.add"), capability.clone()));
            }
        }
        let windows = security.windows_options.as_ref();
        if windows.is_some_and(|options| options.host_process == Some(true)) {
            return Some((field("windowsOptions.hostProcess"), "true".into()));
        }
        for mount in &container.inner.volume_mounts {
            let volume = workload.spec.volumes.iter().find(|volume| volume.name == mount.name);
            let Some(host) = volume.and_then(|volume| volume.host_path()) else { continue };
            let is_socket = host.kind == "Socket" || host.path.ends_with(".sock");
            if is_socket || (!mount.read_only && leads_to_root(host.path)) {
                let field = pod.field(&format!("volumes[{}].hostPath.path", mount.name));
                return Some((field, host.path.to_owned()));
            }
        }
    }
    None
}

/// Whether a path is one of those, lies below one, or has one below it.
fn leads_to_root(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let below = |inner: &str, outer: &str| {
        inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
    };
    path.is_empty() || PATHS.iter().any(|known| below(path, known) || below(known, path))
}
