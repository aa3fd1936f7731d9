//! From what was read to what it means, layer by layer.

use super::{
    Capabilities, IdRange, Limit, Mount, Namespace, Observation, Seen, Status, capability_list,
};

/// Whether a layer of isolation is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is.
    InForce,
    /// In part, or weaker than it could be.
    Partly,
    /// It is not.
    NotInForce,
    /// The kernel could not be asked, or does not tell.
    Unknown,
}

/// One layer of isolation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Layer {
    /// Its name; stable, so that programs may look for it.
    pub name: &'static str,
    /// Whether it is in force.
    pub state: State,
    /// What the kernel said.
    pub kernel: String,
    /// Why it was given up, as far as whoever started the process told.
    pub given_up: Option<String>,
}

/// What whoever started the process gave up, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The layer's name.
    pub layer: String,
    /// Why.
    pub why: String,
}

/// The written form of an explanation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// Grows when fields are added; their meaning does not change.
    pub schema_version: u32,
    /// The layers, outermost first.
    pub layers: Vec<Layer>,
    /// What they were found from.
    pub observation: Observation,
}

impl Explanation {
    /// Explains an observation.
    #[must_use]
    pub fn new(observation: Observation, given_up: &[GivenUp]) -> Self {
        Self { schema_version: 1, layers: layers(&observation, given_up), observation }
    }
}

/// What an observation says of each layer. Reasons for a layer that is in force after all, or
/// that does not exist, are left out.
#[must_use]
pub fn layers(observation: &Observation, given_up: &[GivenUp]) -> Vec<Layer> {
    let status = &observation.status;
    let mut layers = vec![
        user_namespace(observation),
        namespace(observation, "mnt", "mount namespace"),
        namespace(observation, "pid", "process namespace"),
        network(observation),
        namespace(observation, "ipc", "IPC namespace"),
        namespace(observation, "uts", "host name namespace"),
        namespace(observation, "cgroup", "cgroup namespace"),
        namespace(observation, "time", "time namespace"),
        identity(status, &observation.uid_map),
        capabilities(status),
        no_new_privileges(status),
        system_call_filter(observation),
        root_file_system(observation),
        hidden_paths(observation),
        kernel_settings(observation),
        limit("process limit", observation, |limits| &limits.pids, ""),
        limit("memory limit", observation, |limits| &limits.memory, " bytes"),
        limit("processor limit", observation, |limits| &limits.cpu, "/1000 of a processor"),
        security_module(observation),
        layer("Landlock", State::Unknown, "the kernel does not tell of other processes"),
    ];
    for layer in layers.iter_mut().filter(|layer| layer.state != State::InForce) {
        let reasons = given_up.iter().filter(|reason| reason.layer == layer.name);
        let reasons: Vec<_> = reasons.map(|reason| reason.why.as_str()).collect();
        layer.given_up = (!reasons.is_empty()).then(|| reasons.join("; "));
    }
    layers
}

fn layer(name: &'static str, state: State, kernel: impl Into<String>) -> Layer {
    Layer { name, state, kernel: kernel.into(), given_up: None }
}

/// The layer from a fact, or unknown with the reason.
fn judged<T>(
    name: &'static str,
    fact: &Seen<T>,
    judge: impl FnOnce(&T) -> (State, String),
) -> Layer {
    match fact {
        Seen::Known(fact) => {
            let (state, kernel) = judge(fact);
            layer(name, state, kernel)
        }
        Seen::Unknown(why) => layer(name, State::Unknown, why),
    }
}

fn namespace(observation: &Observation, kind: &str, name: &'static str) -> Layer {
    let found = observation.namespaces.iter().find(|namespace| namespace.kind == kind);
    let (state, kernel) =
        found.map_or_else(|| (State::Unknown, format!("no {kind} namespace was read")), separation);
    layer(name, state, kernel)
}

fn separation(namespace: &Namespace) -> (State, String) {
    let Namespace { kind, inode, own, init } = namespace;
    let (inode, own) = match (inode, own) {
        (Seen::Known(inode), Seen::Known(own)) => (inode, own),
        (Seen::Unknown(why), _) | (_, Seen::Unknown(why)) => return (State::Unknown, why.clone()),
    };
    if inode == own {
        return (State::NotInForce, format!("{kind}:[{inode}], shared with this program"));
    }
    match init {
        Seen::Known(init) if init == inode => {
            (State::NotInForce, format!("{kind}:[{inode}], shared with process 1"))
        }
        Seen::Known(_) => (State::InForce, format!("{kind}:[{inode}], its own")),
        Seen::Unknown(_) => {
            (State::InForce, format!("{kind}:[{inode}], not this program's {kind}:[{own}]"))
        }
    }
}

fn user_namespace(observation: &Observation) -> Layer {
    let mut found = namespace(observation, "user", "user namespace");
    if found.state != State::InForce {
        return found;
    }
    let Seen::Known(map) = &observation.uid_map else {
        found.state = State::Partly;
        found.kernel.push_str("; which ids it has is unknown");
        return found;
    };
    let ids: u64 = map.iter().map(|range| u64::from(range.length)).sum();
    match host_id(map, 0) {
        Some(0) => {
            found.state = State::Partly;
            found.kernel.push_str("; root inside is root outside");
        }
        Some(host) => found.kernel.push_str(&format!("; root is {host} outside, {ids} ids")),
        None => found.kernel.push_str(&format!("; no root inside, {ids} ids")),
    }
    found
}

/// What an id inside is in the reader's user namespace.
fn host_id(map: &[IdRange], id: u32) -> Option<u32> {
    map.iter().find_map(|range| {
        let offset = id.checked_sub(range.inside)?;
        if offset < range.length { range.outside.checked_add(offset) } else { None }
    })
}

fn network(observation: &Observation) -> Layer {
    let mut found = namespace(observation, "net", "network namespace");
    let Seen::Known(interfaces) = &observation.network.interfaces else {
        found.kernel.push_str("; its interfaces are unknown");
        if found.state == State::InForce {
            found.state = State::Partly;
        }
        return found;
    };
    found.kernel.push_str(&format!("; interfaces: {}", words(interfaces)));
    let network = &observation.network;
    for (fact, protocol) in [(&network.ipv4_default, "IPv4"), (&network.ipv6_default, "IPv6")] {
        match fact {
            Seen::Known(routes) if !routes.is_empty() => {
                found.kernel.push_str(&format!("; {protocol} way out by {}", words(routes)));
            }
            _ => {}
        }
    }
    found
}

fn words(list: &[String]) -> String {
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}

/// A field of the status, or unknown.
fn field<T: Copy>(status: &Seen<Status>, name: &str, get: fn(&Status) -> Option<T>) -> Seen<T> {
    match status {
        Seen::Known(status) => get(status)
            .map_or_else(|| Seen::Unknown(format!("the kernel shows no {name}")), Seen::Known),
        Seen::Unknown(why) => Seen::Unknown(why.clone()),
    }
}

fn identity(status: &Seen<Status>, map: &Seen<Vec<IdRange>>) -> Layer {
    let uid = field(status, "Uid", |status| status.uid);
    judged("unprivileged identity", &uid, |&[_, effective, ..]| {
        let inside = map.known().and_then(|map| {
            map.iter().find_map(|range| {
                let offset = effective.checked_sub(range.outside)?;
                (offset < range.length).then(|| range.inside.saturating_add(offset))
            })
        });
        let inside = inside.map_or_else(String::new, |inside| format!(", {inside} inside"));
        let groups = status.known().and_then(|status| status.groups.as_ref());
        let groups = match groups {
            Some(groups) if groups.is_empty() => ", no further groups".to_owned(),
            Some(groups) => {
                let groups: Vec<_> = groups.iter().map(ToString::to_string).collect();
                format!(", groups {}", groups.join(" "))
            }
            None => ", groups unknown".to_owned(),
        };
        let state = if effective == 0 { State::NotInForce } else { State::InForce };
        (state, format!("user {effective} outside{inside}{groups}"))
    })
}

fn capabilities(status: &Seen<Status>) -> Layer {
    let sets = field(status, "capability sets", |status| status.capabilities);
    judged("capabilities dropped", &sets, |sets| {
        let Capabilities { inheritable, permitted, effective, bounding, ambient } = *sets;
        if inheritable | permitted | effective | bounding | ambient == 0 {
            return (State::InForce, "none in any of the five sets".to_owned());
        }
        let held = effective | permitted | ambient | inheritable;
        let all = (1 << super::CAPABILITIES.len()) - 1;
        let text = match (held, bounding) {
            (0, bounding) => format!("none held; can be gained: {}", capability_list(bounding)),
            (held, _) => format!("held: {}", capability_list(held)),
        };
        let risky = held | bounding;
        (if risky & all == all { State::NotInForce } else { State::Partly }, text)
    })
}

fn no_new_privileges(status: &Seen<Status>) -> Layer {
    let flag = field(status, "NoNewPrivs", |status| status.no_new_privileges);
    judged("no new privileges", &flag, |&flag| {
        let state = if flag { State::InForce } else { State::NotInForce };
        (state, format!("NoNewPrivs: {}", u8::from(flag)))
    })
}

fn system_call_filter(observation: &Observation) -> Layer {
    let mode = field(&observation.status, "Seccomp", |status| status.seccomp_mode);
    judged("system call filter", &mode, |&mode| {
        let count = observation.status.known().and_then(|status| status.seccomp_filters);
        let count = count.map_or_else(String::new, |count| format!(", filters: {count}"));
        let text = format!("Seccomp: {mode}{count}");
        match mode {
            0 => (State::NotInForce, text),
            2 => filtered(text, &observation.filters),
            _ => (State::InForce, text),
        }
    })
}

fn filtered(text: String, filters: &Seen<super::Filters>) -> (State, String) {
    let filters = match filters {
        Seen::Known(filters) => filters,
        Seen::Unknown(why) => {
            return (State::InForce, format!("{text}; their instructions are not known: {why}"));
        }
    };
    let lengths: Vec<_> = filters.lengths.iter().map(ToString::to_string).collect();
    let text = format!("{text}; instructions: {}", lengths.join(" + "));
    let open: Vec<_> = filters.probes.iter().filter(|probe| !probe.refused).collect();
    if open.is_empty() {
        let all = filters.probes.len();
        return (State::InForce, format!("{text}; refuses {all} of {all} risky calls tried on it"));
    }
    let open: Vec<_> = open.into_iter().map(|probe| probe.call.to_owned()).collect();
    (State::Partly, format!("{text}; lets through {}", words(&open)))
}

/// The last mount at a place hides those before.
fn mount_at<'a>(mounts: &'a [Mount], at: &str) -> Option<&'a Mount> {
    mounts.iter().rev().find(|mount| mount.at == at)
}

fn root_file_system(observation: &Observation) -> Layer {
    judged("image kept unchanged", &observation.mounts, |mounts| {
        let Some(root) = mount_at(mounts, "/") else {
            return (State::Unknown, "no mount at /".to_owned());
        };
        let kind = &root.kind;
        if root.is_read_only() {
            return (State::InForce, format!("/ is {kind}, read-only"));
        }
        match root.file_system_option("upperdir") {
            Some(upper) => (State::InForce, format!("/ is {kind}, changes go to {upper}")),
            None if kind == "overlay" => (State::InForce, "/ is overlay".to_owned()),
            None => (State::NotInForce, format!("/ is {kind}, writable")),
        }
    })
}

/// Places under /proc and /sys that tell of the host or change it, as container runtimes hide
/// them. Those that this kernel does not have need no hiding.
const TO_BE_HIDDEN: [&str; 6] =
    ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/acpi", "/proc/scsi", "/sys/firmware"];
const TO_BE_READ_ONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

fn hidden_paths(observation: &Observation) -> Layer {
    judged("kernel files hidden", &observation.mounts, |mounts| {
        if mount_at(mounts, "/proc").is_none() {
            return (State::InForce, "/proc is not mounted".to_owned());
        }
        let hidden = |place: &&str| {
            mount_at(mounts, place).is_some_and(|mount| {
                // An empty read-only directory, or the null device.
                mount.kind == "tmpfs" && mount.is_read_only() || mount.root == "/null"
            })
        };
        judge_places(&TO_BE_HIDDEN, hidden, "hidden")
    })
}

fn kernel_settings(observation: &Observation) -> Layer {
    judged("kernel settings read-only", &observation.mounts, |mounts| {
        if mount_at(mounts, "/proc").is_none() {
            return (State::InForce, "/proc is not mounted".to_owned());
        }
        let fixed = |place: &&str| mount_at(mounts, place).is_some_and(Mount::is_read_only);
        let (state, mut text) = judge_places(&TO_BE_READ_ONLY, fixed, "read-only");
        match mount_at(mounts, "/sys") {
            Some(sys) if !sys.is_read_only() => {
                text.push_str("; /sys is writable");
                (state.max_severity(State::Partly), text)
            }
            Some(_) => (state, format!("{text}; /sys is read-only")),
            None => (state, format!("{text}; /sys is not mounted")),
        }
    })
}

impl State {
    /// The worse of two, where the other is at most partly in force.
    fn max_severity(self, other: Self) -> Self {
        if self == Self::InForce { other } else { self }
    }
}

fn judge_places(
    places: &'static [&'static str],
    is_done: impl Fn(&&str) -> bool,
    word: &str,
) -> (State, String) {
    let there = |place: &&&str| std::path::Path::new(place).exists();
    let (done, left): (Vec<_>, Vec<_>) =
        places.iter().filter(there).partition(|place| is_done(place));
    let list =
        |places: &[&&str]| words(&places.iter().map(ToString::to_string).collect::<Vec<_>>());
    match (done.is_empty(), left.is_empty()) {
        (_, true) => (State::InForce, format!("{word}: {}", list(&done))),
        (false, false) => (State::Partly, format!("{word}: {}; not: {}", list(&done), list(&left))),
        (true, false) => (State::NotInForce, format!("not {word}: {}", list(&left))),
    }
}

fn limit(
    name: &'static str,
    observation: &Observation,
    which: fn(&super::Limits) -> &Seen<Limit>,
    unit: &str,
) -> Layer {
    let limit = match &observation.cgroup {
        Seen::Known(cgroup) => which(&cgroup.limits),
        Seen::Unknown(why) => return layer(name, State::Unknown, why),
    };
    judged(name, limit, |limit| match limit {
        Limit::Unlimited => (State::NotInForce, "no limit is set".to_owned()),
        Limit::At { value, file } => {
            (State::InForce, format!("{value}{unit} by {}", file.display()))
        }
    })
}

fn security_module(observation: &Observation) -> Layer {
    judged("security module", &observation.security_label, |label| {
        let modules = match &observation.security_modules {
            Seen::Known(modules) => format!("this kernel has {}", words(modules)),
            Seen::Unknown(_) => "which modules the kernel has is unknown".to_owned(),
        };
        match label.as_deref() {
            None => (State::NotInForce, format!("no label; {modules}")),
            Some("unconfined") => (State::NotInForce, format!("unconfined; {modules}")),
            Some(label) if label.ends_with("(complain)") || label.contains(":unconfined_t:") => {
                (State::NotInForce, label.to_owned())
            }
            Some(label) => (State::InForce, label.to_owned()),
        }
    })
}
