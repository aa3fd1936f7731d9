use super::{Practice, Subject, rule};
use crate::pss::Observed;

pub(super) static PRACTICE: Practice = Practice {
    rule: rule(
        "kube-capability-escape",
        "A container has a capability that leads out of it",
        cofferdam_finding::Severity::Critical,
        "A container adds ALL, or a capability that is as good as root on the node: SYS_ADMIN, \
         SYS_MODULE, SYS_PTRACE, SYS_RAWIO, DAC_READ_SEARCH, BPF, SYS_BOOT, MAC_ADMIN, \
         MAC_OVERRIDE, PERFMON, or NET_ADMIN in the node's network.",
        "SYS_ADMIN mounts file systems, SYS_MODULE loads code into the kernel, SYS_RAWIO \
         reaches memory and disks, DAC_READ_SEARCH opens any file by its handle: each has been \
         used to leave containers.",
        "Remove the capability from securityContext.capabilities.add.",
    ),
    look,
};

const ESCAPES: [&str; 11] = [
    "ALL",
    "BPF",
    "DAC_READ_SEARCH",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "PERFMON",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_PTRACE",
    "SYS_RAWIO",
];

fn look(subject: &Subject<'_, '_>) -> Vec<Observed> {
    let host_network = subject.workload.spec.host_network;
    let containers = subject.pod.containers();
    containers
        .filter_map(|(path, container)| {
            let added = &container.security().capabilities.as_ref()?.add;
            let leads_out = |name: &&String| {
                let name = name.strip_prefix("CAP_").unwrap_or(name);
                ESCAPES.contains(&name) || (name == "NET_ADMIN" && host_network)
            };
            let bad: Vec<&str> = added.iter().filter(leads_out).map(String::as_str).collect();
            let field = path + ".securityContext.capabilities.add";
            (!bad.is_empty()).then(|| Observed::new(field, format!("[{}]", bad.join(", ")), ""))
        })
        .collect()
}
