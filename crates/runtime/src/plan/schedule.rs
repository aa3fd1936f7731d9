//! What a process gets of processors, disks and memory nodes (config.md, `process`; config-linux.md,
//! memory policy and personality).

use cofferdam_oci::runtime::{
    CpuAffinity, IoPriority, IoPriorityClass, MemoryPolicy, Personality, PersonalityDomain,
    Scheduler,
};
use cofferdam_sys::schedule::{LINUX, LINUX32, NODES, Scheduling};

use super::{Affinity, NodePolicy};
use crate::error::Error;

/// Most processors of a machine (`CPU_SETSIZE`).
const PROCESSORS: usize = 1024;

/// `SCHED_*` by name (sched(7)).
const POLICIES: [(&str, u32); 7] = [
    ("SCHED_OTHER", 0),
    ("SCHED_FIFO", 1),
    ("SCHED_RR", 2),
    ("SCHED_BATCH", 3),
    ("SCHED_ISO", 4),
    ("SCHED_IDLE", 5),
    ("SCHED_DEADLINE", 6),
];
/// `SCHED_FLAG_*` by name.
const FLAGS: [(&str, u64); 7] = [
    ("SCHED_FLAG_RESET_ON_FORK", 1),
    ("SCHED_FLAG_RECLAIM", 2),
    ("SCHED_FLAG_DL_OVERRUN", 4),
    ("SCHED_FLAG_KEEP_POLICY", 8),
    ("SCHED_FLAG_KEEP_PARAMS", 16),
    ("SCHED_FLAG_UTIL_CLAMP_MIN", 32),
    ("SCHED_FLAG_UTIL_CLAMP_MAX", 64),
];
/// `MPOL_*` by name (set_mempolicy(2)).
const MODES: [(&str, u32); 7] = [
    ("MPOL_DEFAULT", 0),
    ("MPOL_PREFERRED", 1),
    ("MPOL_BIND", 2),
    ("MPOL_INTERLEAVE", 3),
    ("MPOL_LOCAL", 4),
    ("MPOL_PREFERRED_MANY", 5),
    ("MPOL_WEIGHTED_INTERLEAVE", 6),
];
/// `MPOL_F_*` by name.
const MODE_FLAGS: [(&str, u32); 3] = [
    ("MPOL_F_STATIC_NODES", 1 << 15),
    ("MPOL_F_RELATIVE_NODES", 1 << 14),
    ("MPOL_F_NUMA_BALANCING", 1 << 13),
];

fn named<T: Copy>(field: &str, table: &[(&str, T)], name: &str) -> Result<T, Error> {
    let known = table.iter().find(|(known, _)| *known == name);
    known.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = table.iter().map(|(name, _)| *name).collect();
        Error::configuration(field, format!("'{name}' is none of {}", names.join(", ")))
    })
}

pub(super) fn scheduling(asked: &Scheduler) -> Result<Scheduling, Error> {
    let wrong =
        |field: &str, why: &str| Error::configuration(format!("/process/scheduler/{field}"), why);
    let policy = named("/process/scheduler/policy", &POLICIES, &asked.policy)?;
    let mut flags = 0;
    for flag in &asked.flags {
        flags |= named("/process/scheduler/flags", &FLAGS, flag)?;
    }
    if !(-20..=19).contains(&asked.nice) {
        return Err(wrong("nice", "it is not between -20 and 19"));
    }
    let real_time = ["SCHED_FIFO", "SCHED_RR"].contains(&asked.policy.as_str());
    if asked.priority != 0 && !real_time {
        return Err(wrong("priority", "it is for SCHED_FIFO and SCHED_RR"));
    }
    let times = [asked.runtime, asked.deadline, asked.period];
    if asked.policy != "SCHED_DEADLINE" && times.iter().any(|time| *time != 0) {
        return Err(wrong("runtime", "it is for SCHED_DEADLINE, as deadline and period are"));
    }
    let priority = u32::try_from(asked.priority);
    Ok(Scheduling {
        policy,
        flags,
        nice: asked.nice,
        priority: priority.map_err(|_| wrong("priority", "it is negative"))?,
        runtime: asked.runtime,
        deadline: asked.deadline,
        period: asked.period,
    })
}

/// Class and level.
pub(super) fn io_priority(asked: &IoPriority) -> Result<(u8, u8), Error> {
    let class = match asked.class {
        IoPriorityClass::RealTime => 1,
        IoPriorityClass::BestEffort => 2,
        IoPriorityClass::Idle => 3,
    };
    match u8::try_from(asked.priority) {
        Ok(level) if level <= 7 => Ok((class, level)),
        _ => Err(Error::configuration("/process/ioPriority/priority", "it is not between 0 and 7")),
    }
}

pub(super) fn affinity(asked: &CpuAffinity) -> Result<Affinity, Error> {
    let read = |name: &str, text: &str| {
        list(text, PROCESSORS)
            .map_err(|why| Error::configuration(format!("/process/execCPUAffinity/{name}"), why))
    };
    Ok(Affinity { initial: read("initial", &asked.initial)?, last: read("final", &asked.r#final)? })
}

pub(super) fn personality(asked: &Personality) -> Result<u32, Error> {
    if let Some(flag) = asked.flags.first() {
        let why = format!("'{flag}' is unknown: the specification has no flags");
        return Err(Error::configuration("/linux/personality/flags", why));
    }
    Ok(match asked.domain {
        PersonalityDomain::Linux => LINUX,
        PersonalityDomain::Linux32 => LINUX32,
    })
}

pub(super) fn memory_policy(asked: &MemoryPolicy) -> Result<NodePolicy, Error> {
    let mut mode = named("/linux/memoryPolicy/mode", &MODES, &asked.mode)?;
    for flag in &asked.flags {
        mode |= named("/linux/memoryPolicy/flags", &MODE_FLAGS, flag)?;
    }
    let wrong = |why: String| Error::configuration("/linux/memoryPolicy/nodes", why);
    let nodes = list(&asked.nodes, NODES).map_err(wrong)?;
    let without = ["MPOL_DEFAULT", "MPOL_LOCAL"].contains(&asked.mode.as_str());
    // Preferring no node in particular is the same as local.
    let needs = !without && asked.mode != "MPOL_PREFERRED";
    if without && !nodes.is_empty() {
        return Err(wrong(format!("{} takes no nodes", asked.mode)));
    }
    if needs && nodes.is_empty() {
        return Err(wrong(format!("{} needs nodes", asked.mode)));
    }
    let narrow = |node: usize| u32::try_from(node).map_err(|_| wrong("it is too large".into()));
    Ok(NodePolicy { mode, nodes: nodes.into_iter().map(narrow).collect::<Result<_, _>>()? })
}

/// Reads a list such as `0-3,7`; each number is below `limit`.
fn list(text: &str, limit: usize) -> Result<Vec<usize>, String> {
    let mut found = Vec::new();
    for part in text.split(',').map(str::trim).filter(|_| !text.trim().is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<usize>().ok().filter(|_| digits)
        };
        let (Some(first), Some(last)) = (number(first), number(last)) else {
            return Err(format!("'{part}' is no number and no range such as 0-3"));
        };
        if first > last || last >= limit {
            return Err(format!("'{part}' is no range of numbers below {limit}"));
        }
        found.extend(first..=last);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        for (text, wanted) in [
            ("", Some(vec![])),
            (" ", Some(vec![])),
            ("3", Some(vec![3])),
            ("0-3,7", Some(vec![0, 1, 2, 3, 7])),
            ("7, 1-1,7", Some(vec![1, 7])),
            ("3-1", None),
            ("1024", None),
            ("0-18446744073709551615", None),
            ("a", None),
            ("1,", None),
            ("-1", None),
            ("+1", None),
        ] {
            assert_eq!(list(text, 1024).ok(), wanted, "{text:?}");
        }
    }

    #[test]
    fn policies_are_checked_against_their_parameters() {
        let ask = |policy: &str, priority, runtime| {
            let policy = policy.to_owned();
            scheduling(&Scheduler { policy, priority, runtime, ..Scheduler::default() })
        };
        assert_eq!(ask("SCHED_FIFO", 10, 0).unwrap().priority, 10);
        assert_eq!(ask("SCHED_DEADLINE", 0, 10).unwrap().policy, 6);
        for (policy, priority, runtime) in
            [("SCHED_OTHER", 1, 0), ("SCHED_FIFO", -1, 0), ("SCHED_RR", 1, 1), ("FIFO", 1, 0)]
        {
            assert!(ask(policy, priority, runtime).is_err(), "{policy}");
        }
    }

    #[test]
    fn memory_policies_have_nodes_where_they_need_them() {
        let ask = |mode: &str, nodes: &str, flags: &[&str]| {
            memory_policy(&MemoryPolicy {
                mode: mode.into(),
                nodes: nodes.into(),
                flags: flags.iter().map(ToString::to_string).collect(),
            })
        };
        let policy = ask("MPOL_BIND", "0-1", &["MPOL_F_STATIC_NODES"]).unwrap();
        assert_eq!((policy.mode, policy.nodes), (2 | 1 << 15, vec![0, 1]));
        assert!(ask("MPOL_PREFERRED", "", &[]).is_ok());
        for (mode, nodes, flags) in [
            ("MPOL_BIND", "", &[][..]),
            ("MPOL_DEFAULT", "0", &[]),
            ("MPOL_NONE", "", &[]),
            ("MPOL_LOCAL", "", &["MPOL_F_X"]),
        ] {
            assert!(ask(mode, nodes, flags).is_err(), "{mode}");
        }
    }
}
