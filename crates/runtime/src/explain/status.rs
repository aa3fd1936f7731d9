//! `/proc/PID/status` and the id maps (proc(5), user_namespaces(7)).

/// What `/proc/PID/status` says about isolation. A line that this kernel does not have, or that
/// does not parse, is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// Real, effective, saved and file-system user id, in the reader's user namespace.
    pub uid: Option<[u32; 4]>,
    /// Real, effective, saved and file-system group id.
    pub gid: Option<[u32; 4]>,
    /// Supplementary groups.
    pub groups: Option<Vec<u32>>,
    /// The process's number in each process namespace, the reader's first, its own last.
    pub pids: Option<Vec<u32>>,
    /// How many threads there are.
    pub threads: Option<u32>,
    /// The five capability sets.
    pub capabilities: Option<Capabilities>,
    /// Whether `no_new_privs` is set.
    pub no_new_privileges: Option<bool>,
    /// 0: no seccomp, 1: strict mode, 2: filters.
    pub seccomp_mode: Option<u32>,
    /// How many filters are in force; since Linux 5.9.
    pub seccomp_filters: Option<u32>,
}

/// Sets of capabilities, bit *n* for the capability of number *n* (capabilities(7)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Capabilities {
    /// Kept across the execution of a file that has them inheritable.
    pub inheritable: u64,
    /// What may be made effective.
    pub permitted: u64,
    /// What counts.
    pub effective: u64,
    /// What can ever be gained.
    pub bounding: u64,
    /// Kept across the execution of any ordinary file.
    pub ambient: u64,
}

/// Ids of a user namespace and what they are in the reader's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct IdRange {
    /// First id inside.
    pub inside: u32,
    /// First id in the reader's user namespace.
    pub outside: u32,
    /// How many.
    pub length: u32,
}

/// Capability names by number (linux/capability.h, to Linux 6.18).
pub const CAPABILITIES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// The names of the capabilities in a set; one without a name goes by its number.
#[must_use]
pub fn capability_names(set: u64) -> Vec<String> {
    (0..64_usize)
        .filter(|number| set >> number & 1 == 1)
        .map(|number| {
            CAPABILITIES
                .get(number)
                .map_or_else(|| format!("capability {number}"), ToString::to_string)
        })
        .collect()
}

/// A set of capabilities in words, short where all but a few are in it.
#[must_use]
pub fn capability_list(set: u64) -> String {
    const FEW: u32 = 8;
    let all = (1 << CAPABILITIES.len()) - 1;
    let missing = all & !set;
    match (set, missing.count_ones()) {
        (0, _) => "none".to_owned(),
        (_, 0) => "all".to_owned(),
        (_, few) if few <= FEW => format!("all but {}", capability_names(missing).join(", ")),
        _ => capability_names(set).join(", "),
    }
}

/// Reads `/proc/PID/status`.
#[must_use]
pub fn parse_status(text: &str) -> Status {
    let mut status = Status::default();
    let mut sets = [None; 5];
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match key {
            "Uid" => status.uid = four(value),
            "Gid" => status.gid = four(value),
            "Groups" => status.groups = numbers(value),
            "NSpid" => status.pids = numbers(value).filter(|pids| !pids.is_empty()),
            "Threads" => status.threads = value.parse().ok(),
            "NoNewPrivs" => status.no_new_privileges = flag(value),
            "Seccomp" => status.seccomp_mode = value.parse().ok(),
            "Seccomp_filters" => status.seccomp_filters = value.parse().ok(),
            "CapInh" => sets[0] = mask(value),
            "CapPrm" => sets[1] = mask(value),
            "CapEff" => sets[2] = mask(value),
            "CapBnd" => sets[3] = mask(value),
            "CapAmb" => sets[4] = mask(value),
            _ => {}
        }
    }
    if let [Some(inheritable), Some(permitted), Some(effective), Some(bounding), Some(ambient)] =
        sets
    {
        status.capabilities =
            Some(Capabilities { inheritable, permitted, effective, bounding, ambient });
    }
    status
}

fn flag(value: &str) -> Option<bool> {
    match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

fn mask(value: &str) -> Option<u64> {
    u64::from_str_radix(value, 16).ok()
}

fn numbers(value: &str) -> Option<Vec<u32>> {
    value.split_ascii_whitespace().map(|number| number.parse().ok()).collect()
}

fn four(value: &str) -> Option<[u32; 4]> {
    numbers(value)?.try_into().ok()
}

/// Reads `/proc/PID/uid_map` or `gid_map`. A line that is no range is left out.
#[must_use]
pub fn parse_id_map(text: &str) -> Vec<IdRange> {
    text.lines()
        .filter_map(|line| match numbers(line)?[..] {
            [inside, outside, length] => Some(IdRange { inside, outside, length }),
            _ => None,
        })
        .collect()
}
