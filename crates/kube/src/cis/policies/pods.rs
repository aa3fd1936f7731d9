//! 5.2, 5.4.1, 5.6.2, 5.6.3: what pods and containers may do.

use super::{Answer, scene::Scene};
use crate::{
    Workload,
    api::{Container, SecurityContext},
};

/// Capabilities that a runtime gives if nothing is said.
const USUAL: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
    "NET_RAW",
];

/// Workloads about which something is to be said.
fn workloads(scene: &Scene<'_>, look: impl Fn(&Workload<'_>) -> Option<String>) -> Answer {
    scene.with_workloads(|| {
        let seen = |workload: &Workload<'_>| Some(scene.seen(workload.object, look(workload)?));
        scene.workloads().filter_map(seen).collect()
    })
}

/// Workloads with containers about which something is to be said.
fn containers(
    scene: &Scene<'_>,
    look: impl Fn(&Workload<'_>, &Container) -> Option<String>,
) -> Answer {
    workloads(scene, |workload| {
        let said = |container: &Container| {
            look(workload, container).map(|saw| format!("container {} {saw}", container.name))
        };
        let said: Vec<String> = workload.spec.all_containers().filter_map(said).collect();
        let more =
            if said.len() > 1 { format!(" and {} more", said.len() - 1) } else { String::new() };
        said.first().map(|first| format!("{first}{more}"))
    })
}

fn own(container: &Container) -> SecurityContext {
    container.security_context.clone().unwrap_or_default()
}

pub(super) fn privileged(scene: &Scene<'_>) -> Answer {
    containers(scene, |_, container| {
        (own(container).privileged == Some(true)).then(|| "is privileged".into())
    })
}

pub(super) fn host_pid(scene: &Scene<'_>) -> Answer {
    workloads(scene, |workload| workload.spec.host_pid.then(|| "hostPID is true".into()))
}

pub(super) fn host_ipc(scene: &Scene<'_>) -> Answer {
    workloads(scene, |workload| workload.spec.host_ipc.then(|| "hostIPC is true".into()))
}

pub(super) fn host_network(scene: &Scene<'_>) -> Answer {
    workloads(scene, |workload| workload.spec.host_network.then(|| "hostNetwork is true".into()))
}

pub(super) fn privilege_escalation(scene: &Scene<'_>) -> Answer {
    containers(scene, |workload, container| {
        let forbidden = own(container).allow_privilege_escalation == Some(false);
        (!forbidden && !workload.spec.is_windows()).then(|| "may escalate privileges".into())
    })
}

pub(super) fn root_user(scene: &Scene<'_>) -> Answer {
    containers(scene, |workload, container| {
        let own = own(container);
        let pod = workload.spec.security_context.clone().unwrap_or_default();
        let user = own.run_as_user.or(pod.run_as_user);
        let never_root = own.run_as_non_root.or(pod.run_as_non_root) == Some(true);
        match user {
            _ if workload.spec.is_windows() => None,
            Some(0) => Some("runs as root".into()),
            None if !never_root => Some("may run as root".into()),
            _ => None,
        }
    })
}

/// Added and dropped capabilities in capitals, without `CAP_`.
fn capabilities(container: &Container) -> (Vec<String>, Vec<String>) {
    let plain = |names: Vec<String>| {
        let plain = |name: String| {
            let name = name.to_ascii_uppercase();
            name.strip_prefix("CAP_").map_or(name.clone(), str::to_owned)
        };
        names.into_iter().map(plain).collect()
    };
    let set = own(container).capabilities.unwrap_or_default();
    (plain(set.add), plain(set.drop))
}

fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|one| one == name)
}

pub(super) fn net_raw(scene: &Scene<'_>) -> Answer {
    containers(scene, |workload, container| {
        let (added, dropped) = capabilities(container);
        if workload.spec.is_windows() {
            return None;
        }
        if has(&added, "NET_RAW") || has(&added, "ALL") {
            return Some("adds NET_RAW".into());
        }
        let kept = !has(&dropped, "NET_RAW") && !has(&dropped, "ALL");
        kept.then(|| "keeps NET_RAW".into())
    })
}

pub(super) fn added_capabilities(scene: &Scene<'_>) -> Answer {
    containers(scene, |_, container| {
        let (mut added, _) = capabilities(container);
        added.retain(|name| !USUAL.contains(&name.as_str()));
        (!added.is_empty()).then(|| format!("adds {}", added.join(", ")))
    })
}

pub(super) fn kept_capabilities(scene: &Scene<'_>) -> Answer {
    containers(scene, |workload, container| {
        let (_, dropped) = capabilities(container);
        let keeps = !has(&dropped, "ALL") && !workload.spec.is_windows();
        keeps.then(|| "does not drop all capabilities".into())
    })
}

pub(super) fn windows_host_process(scene: &Scene<'_>) -> Answer {
    workloads(scene, |workload| {
        let pod = workload.spec.security_context.clone().unwrap_or_default().windows_options;
        let of_containers = workload.spec.all_containers().map(|one| own(one).windows_options);
        let is_host_process = std::iter::once(pod)
            .chain(of_containers)
            .flatten()
            .any(|options| options.host_process == Some(true));
        is_host_process.then(|| "hostProcess is true".into())
    })
}

pub(super) fn host_path(scene: &Scene<'_>) -> Answer {
    workloads(scene, |workload| {
        let mounted = |path: &str| format!("the node's {path} is mounted");
        workload.spec.volumes.iter().find_map(|one| Some(mounted(one.host_path()?.path)))
    })
}

pub(super) fn host_ports(scene: &Scene<'_>) -> Answer {
    containers(scene, |_, container| {
        let port = container.ports.iter().find(|port| port.host_port != 0)?;
        Some(format!("takes port {} of the node", port.host_port))
    })
}

pub(super) fn secrets_in_environment(scene: &Scene<'_>) -> Answer {
    containers(scene, |_, container| {
        let whole = container.env_from.iter().find_map(|one| one.secret_ref.as_ref());
        let keys = container.env.iter().filter_map(|one| one.value_from.as_ref());
        let key = keys.filter_map(|from| from.secret_key_ref.as_ref()).next();
        let name = whole.map(|one| &one.name).or(key.map(|one| &one.name))?;
        Some(format!("has Secret {name} in its environment"))
    })
}

pub(super) fn seccomp(scene: &Scene<'_>) -> Answer {
    containers(scene, |workload, container| {
        let pod = workload.spec.security_context.clone().unwrap_or_default().seccomp_profile;
        let profile = own(container).seccomp_profile.or(pod).map(|profile| profile.kind);
        match profile.as_deref() {
            _ if workload.spec.is_windows() => None,
            Some("RuntimeDefault" | "Localhost") => None,
            Some(kind) => Some(format!("has the seccomp profile {kind}")),
            None => Some("has no seccomp profile".into()),
        }
    })
}

pub(super) fn security_context(scene: &Scene<'_>) -> Answer {
    containers(scene, |workload, container| {
        let pod = workload.spec.security_context.as_ref();
        let is_set = pod.is_some_and(|set| *set != Default::default())
            || container.security_context.as_ref().is_some_and(|set| *set != Default::default());
        (!is_set).then(|| "has no securityContext".into())
    })
}
