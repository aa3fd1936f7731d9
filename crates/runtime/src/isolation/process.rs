//! One process against the plan: namespaces, ids, privileges, filter, label, limits.

use cofferdam_oci::runtime::NamespaceType;

use super::{
    Evidence, Member, Severity,
    difference::Findings,
    limits::{self, RESTART},
};
use crate::{
    explain::{Capabilities, Namespace, Observation, Seen, capability_list},
    plan::Plan,
};

/// What to do about a process that is not confined as it should be.
const END: &str = "end it, unless you have put it there; 'cofferdam-runtime exec' gives a program \
                   every restriction of the container";

/// Capabilities that are the machine's, where there is no user namespace.
const MIGHTY: [u32; 7] = [
    16, // sys_module
    17, // sys_rawio
    19, // sys_ptrace
    21, // sys_admin
    22, // sys_boot
    2,  // dac_read_search
    39, // bpf
];

/// The name in `/proc/PID/ns`.
pub(super) const fn name(kind: NamespaceType) -> &'static str {
    match kind {
        NamespaceType::Network => "net",
        NamespaceType::Mount => "mnt",
        other => other.as_str(),
    }
}

const fn layer(kind: NamespaceType) -> &'static str {
    match kind {
        NamespaceType::User => "user namespace",
        NamespaceType::Mount => "mount namespace",
        NamespaceType::Pid => "process namespace",
        NamespaceType::Network => "network namespace",
        NamespaceType::Ipc => "IPC namespace",
        NamespaceType::Uts => "host name namespace",
        NamespaceType::Cgroup => "cgroup namespace",
        NamespaceType::Time => "time namespace",
    }
}

/// How much it matters that a process is in the machine's namespace.
const fn severity(kind: NamespaceType) -> Severity {
    match kind {
        NamespaceType::Mount | NamespaceType::User => Severity::Critical,
        NamespaceType::Pid | NamespaceType::Network | NamespaceType::Ipc => Severity::High,
        NamespaceType::Cgroup | NamespaceType::Uts | NamespaceType::Time => Severity::Medium,
    }
}

/// Compares a process; `first` is the container's first one, if this is another.
pub(super) fn compare(
    plan: &Plan,
    evidence: &Evidence,
    member: &Member,
    first: Option<&Member>,
    findings: &mut Findings,
) {
    let one = One { plan, seen: &member.observation, pid: Some(member.observation.pid) };
    for kind in NamespaceType::ALL {
        one.namespace(*kind, evidence, first.map(|first| &first.observation), findings);
    }
    one.ids(first.map_or(&member.observation, |first| &first.observation), findings);
    one.capabilities(findings);
    one.no_new_privileges(findings);
    one.filter(findings);
    one.label(findings);
    one.out_of_memory(findings);
    limits::compare_process(plan, &member.observation, findings);
    if !member.outside.is_empty() {
        let outside = member.outside.iter().map(|directory| directory.display().to_string());
        findings.differ(
            Severity::High,
            "control group",
            one.pid,
            "it is outside of the container's control group, whose limits do not hold for it",
            outside.collect::<Vec<_>>().join(" "),
            one.groups(),
            END,
        );
    }
}

/// A process, and the plan for it.
struct One<'a> {
    plan: &'a Plan,
    seen: &'a Observation,
    pid: Option<u32>,
}

impl One<'_> {
    fn namespace(
        &self,
        kind: NamespaceType,
        evidence: &Evidence,
        first: Option<&Observation>,
        findings: &mut Findings,
    ) {
        let is_made = self.plan.namespaces.contains(crate::plan::namespace::flag(kind));
        let joined = evidence.joined.iter().find(|(joined, _)| *joined == name(kind));
        if !is_made && joined.is_none() {
            return;
        }
        let Some(found) = of_kind(self.seen, kind) else { return };
        let Some(inode) = findings.known(self.pid, layer(kind), &found.inode) else { return };
        let told = format!("{}:[{inode}]", name(kind));
        let is_machines = found.own.known() == Some(inode) || found.init.known() == Some(inode);
        // Of the first, or what is joined; the first one's is its own where it is not the machine's.
        let wanted = match (first, joined) {
            (Some(first), _) => of_kind(first, kind).and_then(|n| n.inode.known()).copied(),
            (None, Some((_, joined))) => findings.known(self.pid, layer(kind), joined).copied(),
            (None, None) => None,
        };
        if wanted == Some(*inode) {
            return;
        }
        if is_machines {
            let what = "it is in the machine's own namespace";
            let expected = wanted.map_or_else(
                || "a namespace of its own".to_owned(),
                |wanted| format!("{}:[{wanted}]", name(kind)),
            );
            findings.differ(severity(kind), layer(kind), self.pid, what, expected, told, END);
        } else if let Some(wanted) = wanted {
            let what = "it is in a namespace that is neither the container's nor the machine's";
            let expected = format!("{}:[{wanted}]", name(kind));
            findings.differ(Severity::Low, layer(kind), self.pid, what, expected, told, END);
        }
    }

    /// The maps of the first process, and that everybody's ids are of them.
    fn ids(&self, first: &Observation, findings: &mut Findings) {
        const LAYER: &str = "user namespace";
        if !self.plan.is_in_user_namespace() {
            return self.root_again(findings);
        }
        if first.pid == self.seen.pid
            && let Some(maps) = &self.plan.ids
        {
            for (name, planned, found) in [
                ("user", &maps.users, &self.seen.uid_map),
                ("group", &maps.groups, &self.seen.gid_map),
            ] {
                let Some(found) = findings.known(self.pid, LAYER, found) else { continue };
                let mut wanted: Vec<_> =
                    planned.iter().map(|m| (m.container_id, m.host_id, m.size)).collect();
                let mut found: Vec<_> =
                    found.iter().map(|m| (m.inside, m.outside, m.length)).collect();
                wanted.sort_unstable();
                found.sort_unstable();
                if wanted != found {
                    let what = format!("its {name} ids stand for others than they should");
                    findings.differ(
                        Severity::Critical,
                        LAYER,
                        self.pid,
                        what,
                        ranges(&wanted),
                        ranges(&found),
                        RESTART,
                    );
                }
            }
        }
        let (Seen::Known(status), Seen::Known(users)) = (&self.seen.status, &first.uid_map) else {
            findings.gap(self.pid, LAYER, "its ids could not be read");
            return;
        };
        let is_mapped = |id: &u32| {
            users.iter().any(|range| {
                id.checked_sub(range.outside).is_some_and(|offset| offset < range.length)
            })
        };
        let strange = status.uid.iter().flatten().find(|id| !is_mapped(id));
        if let Some(id) = strange {
            findings.differ(
                if *id == 0 { Severity::Critical } else { Severity::High },
                "unprivileged identity",
                self.pid,
                "it runs as a user of the machine that is none of the container's",
                "a user of the container's id map",
                format!("user {id} of this machine"),
                END,
            );
        }
    }

    /// Without a user namespace: nobody becomes root again who was not and cannot.
    fn root_again(&self, findings: &mut Findings) {
        let process = &self.plan.process;
        let is_root =
            self.seen.status.known().and_then(|status| status.uid).is_some_and(|uid| uid[1] == 0);
        if is_root && process.user != 0 && process.no_new_privileges {
            findings.differ(
                Severity::Medium,
                "unprivileged identity",
                self.pid,
                "it runs as root, which nothing in the container can become",
                format!("user {}", process.user),
                "user 0",
                END,
            );
        }
    }

    /// A process may hold less than it was given, and as root may hold all that is in the
    /// bounding set.
    fn capabilities(&self, findings: &mut Findings) {
        const LAYER: &str = "capabilities dropped";
        let status = match &self.seen.status {
            Seen::Known(status) => status,
            Seen::Unknown(why) => return findings.gap(self.pid, LAYER, why),
        };
        let Some(found) = status.capabilities else {
            return findings.gap(self.pid, LAYER, "the kernel shows no capability sets");
        };
        let planned = &self.plan.process.capabilities;
        let most = planned.bounding.union(planned.permitted).bits();
        let Capabilities { inheritable, permitted, effective, bounding, ambient } = found;
        let sets = [
            ("bounding", bounding, planned.bounding.bits()),
            ("permitted", permitted, most),
            ("effective", effective, most),
            ("inheritable", inheritable, planned.inheritable.bits()),
            ("ambient", ambient, planned.ambient.bits()),
        ];
        let more = |set: &(&str, u64, u64)| set.1 & !set.2;
        // A program may add to the last two by itself what it holds already.
        let (grave, own_doing): (Vec<_>, Vec<_>) = sets
            .iter()
            .enumerate()
            .filter(|(_, set)| more(set) != 0)
            .partition(|(index, set)| *index < 3 || more(set) & !most != 0);
        for (found, is_own_doing) in [(grave, false), (own_doing, true)] {
            let excess = found.iter().fold(0, |all, (_, set)| all | more(set));
            if excess == 0 {
                continue;
            }
            let mighty = MIGHTY.iter().any(|number| excess >> number & 1 == 1);
            let severity = match (is_own_doing, mighty && !self.plan.is_in_user_namespace()) {
                (true, _) => Severity::Low,
                (false, true) => Severity::Critical,
                (false, false) => Severity::High,
            };
            let sets: Vec<_> = found.iter().map(|(_, set)| set.0).collect();
            let what = format!(
                "it has capabilities that the configuration does not give ({})",
                sets.join(", ")
            );
            let wanted = if is_own_doing { "none".into() } else { capability_list(most) };
            let found = capability_list(excess);
            findings.differ(severity, LAYER, self.pid, what, wanted, found, END);
        }
    }

    fn no_new_privileges(&self, findings: &mut Findings) {
        const LAYER: &str = "no new privileges";
        let found = self.seen.status.known().and_then(|status| status.no_new_privileges);
        match found {
            _ if !self.plan.process.no_new_privileges => {}
            Some(true) => {}
            Some(false) => findings.differ(
                Severity::High,
                LAYER,
                self.pid,
                "set-user-id programs can give it privileges",
                "NoNewPrivs: 1",
                "NoNewPrivs: 0",
                END,
            ),
            None => findings.gap(self.pid, LAYER, "the kernel shows no NoNewPrivs"),
        }
    }

    /// The planned filter has to be among those in force; a program may add its own.
    fn filter(&self, findings: &mut Findings) {
        const LAYER: &str = "system call filter";
        let Some(filter) = &self.plan.filter else { return };
        let expected = format!("a filter of {} instructions", filter.program.instructions().len());
        let status = self.seen.status.known();
        let Some(mode) = status.and_then(|status| status.seccomp_mode) else {
            return findings.gap(self.pid, LAYER, "the kernel shows no Seccomp");
        };
        let missing = "nothing keeps it from any system call";
        let other = "the configuration's filter is not among those in force";
        match (mode, &self.seen.filters) {
            // Strict mode allows read, write and exit alone.
            (1, _) => {}
            (2, Seen::Known(found)) if found.programs.contains(&filter.program) => {}
            (2, Seen::Known(found)) => {
                let lengths: Vec<_> = found.lengths.iter().map(ToString::to_string).collect();
                let found = format!("filters of {} instructions", lengths.join(" + "));
                findings.differ(Severity::High, LAYER, self.pid, other, expected, found, END);
            }
            (2, Seen::Unknown(why)) => findings.gap(self.pid, LAYER, why),
            (mode, _) => {
                let found = format!("Seccomp: {mode}");
                findings.differ(Severity::High, LAYER, self.pid, missing, expected, found, END);
            }
        }
    }

    fn label(&self, findings: &mut Findings) {
        const LAYER: &str = "security module";
        let process = &self.plan.process;
        let Some(wanted) = process.apparmor.as_ref().or(process.selinux.as_ref()) else { return };
        let Some(found) = findings.known(self.pid, LAYER, &self.seen.security_label) else {
            return;
        };
        let found = found.as_deref().unwrap_or("none");
        // AppArmor adds how it is enforced, which has to be "enforce".
        let bare = found.strip_suffix(" (enforce)").unwrap_or(found);
        if bare != wanted {
            let what = "it runs under another label";
            findings.differ(Severity::High, LAYER, self.pid, what, wanted, found, END);
        }
    }

    fn out_of_memory(&self, findings: &mut Findings) {
        const LAYER: &str = "out-of-memory score";
        let Some(wanted) = self.plan.process.oom_score_adjustment else { return };
        let Some(found) = findings.known(self.pid, LAYER, &self.seen.oom_score_adjustment) else {
            return;
        };
        if *found < wanted {
            let what = "others are ended before it when memory runs out";
            let (wanted, found) = (wanted.to_string(), found.to_string());
            findings.differ(Severity::Low, LAYER, self.pid, what, wanted, found, END);
        }
    }

    fn groups(&self) -> String {
        let Seen::Known(cgroup) = &self.seen.cgroup else { return "unknown".into() };
        let listed = cgroup.memberships.iter().map(|(controllers, path)| {
            if controllers.is_empty() { path.clone() } else { format!("{controllers}:{path}") }
        });
        let listed: Vec<_> = listed.collect();
        listed.join(" ")
    }
}

fn of_kind(observation: &Observation, kind: NamespaceType) -> Option<&Namespace> {
    observation.namespaces.iter().find(|namespace| namespace.kind == name(kind))
}

fn ranges(map: &[(u32, u32, u32)]) -> String {
    let ranges: Vec<_> =
        map.iter().map(|(inside, outside, size)| format!("{inside} {outside} {size}")).collect();
    if ranges.is_empty() { "none".into() } else { ranges.join(", ") }
}
