use cofferdam_oci::runtime::{
    Cpu, IdMapping, Linux, Memory, Namespace, NamespaceType, Pids, Resources,
};

use super::{Request, TASKS, UserNamespace};
use crate::profile;

/// Paths of /proc and /sys that tell of the machine or steer it, and read as empty.
const MASKED: [&str; 17] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/vmallocinfo",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/cgroup",
    "/sys/kernel",
    "/sys/module",
];
/// Paths of /proc that steer the machine.
const READONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

pub(super) fn linux(request: &Request, users: Vec<IdMapping>, groups: Vec<IdMapping>) -> Linux {
    use NamespaceType::{Cgroup, Ipc, Mount, Network, Pid, User, Uts};
    let mut kinds = vec![Pid, Network, Ipc, Uts, Mount, Cgroup];
    if request.user_namespace != UserNamespace::Host {
        kinds.push(User);
    }
    let texts = |paths: &[&str]| paths.iter().map(ToString::to_string).collect();
    // Without capabilities nobody could listen below port 1024 in the container's own network.
    let ports = ("net.ipv4.ip_unprivileged_port_start".to_owned(), "0".to_owned());
    Linux {
        uid_mappings: users,
        gid_mappings: groups,
        sysctl: [ports].into(),
        namespaces: kinds.into_iter().map(|kind| Namespace { kind, path: String::new() }).collect(),
        resources: Some(resources(request)),
        seccomp: Some(request.filter.clone().unwrap_or_else(profile::strict)),
        masked_paths: texts(&MASKED),
        readonly_paths: texts(&READONLY),
        ..Linux::default()
    }
}

fn resources(request: &Request) -> Resources {
    const PERIOD: u64 = 100_000;
    // Memory and swap together: no swap beyond the limit.
    let memory = |limit| Memory { limit: Some(limit), swap: Some(limit), ..Memory::default() };
    let cpu = |thousandths: i64| Cpu {
        period: Some(PERIOD),
        quota: Some(thousandths.saturating_mul(100)),
        ..Cpu::default()
    };
    Resources {
        pids: Some(Pids { limit: Some(request.tasks.unwrap_or(TASKS)) }),
        memory: request.memory.map(memory),
        cpu: request.processors.map(cpu),
        ..Resources::default()
    }
}
