//! `features`: what this runtime can do (runtime-spec, features.md).

use cofferdam_oci::runtime::{Action, NamespaceType, Operator, SeccompFlag, VERSION};
use cofferdam_runtime::{plan, profile::architecture};
use cofferdam_sys::{capability, seccomp::Arch};
use serde_json::json;

use super::Command;
use crate::{
    arguments::Given,
    session::{Ended, Session, at_most, print},
};

pub(super) const COMMAND: Command = Command {
    name: "features",
    summary: "tell what this runtime can do, as JSON",
    help: "features\n",
    options: &[],
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run,
};

fn run(given: &Given, _session: &Session) -> Ended {
    at_most(given, 0)?;
    let names = |all: &[NamespaceType]| all.iter().map(|n| n.as_str()).collect::<Vec<_>>();
    let conventions = |arch: Arch| std::iter::once(arch).chain(arch.besides().iter().copied());
    let architectures = Arch::host().into_iter().flat_map(conventions);
    let architectures: Vec<_> = architectures.map(|arch| architecture(arch).as_str()).collect();
    let flags: Vec<_> = SeccompFlag::ALL.iter().map(|flag| flag.as_str()).collect();
    let features = json!({
        "ociVersionMin": "1.0.0",
        "ociVersionMax": VERSION,
        "hooks": ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
        "mountOptions": plan::MOUNT_OPTIONS,
        "linux": {
            "namespaces": names(NamespaceType::ALL),
            "capabilities": capability::NAMES.as_slice(),
            "cgroup": {
                "v1": true, "v2": true, "systemd": true, "systemdUser": false, "rdma": false,
            },
            "seccomp": {
                "enabled": !architectures.is_empty(),
                "actions": Action::ALL.iter().map(|action| action.as_str()).collect::<Vec<_>>(),
                "operators": Operator::ALL.iter().map(|o| o.as_str()).collect::<Vec<_>>(),
                "archs": architectures,
                "knownFlags": flags,
                "supportedFlags": flags,
            },
            "apparmor": { "enabled": plan::SUPPORTED.apparmor },
            "selinux": { "enabled": plan::SUPPORTED.selinux },
            "intelRdt": { "enabled": plan::SUPPORTED.intel_rdt },
            "mountExtensions": { "idmap": { "enabled": plan::SUPPORTED.mapped_mounts } },
            "netDevices": { "enabled": plan::SUPPORTED.network_devices },
        },
        "annotations": {
            "dev.cofferdam.version": env!("CARGO_PKG_VERSION"),
            "org.opencontainers.runc.checkpoint.enabled": "false",
        },
        "potentiallyUnsafeConfigAnnotations": [plan::annotation::PREFIX],
    });
    let json = serde_json::to_string_pretty(&features).map_err(|error| error.to_string())?;
    print(&format!("{json}\n"))
}
