//! Where the isolation in force for a container differs from its configuration.
//!
//! [`isolation`] reads what the kernel says of every process of a container
//! ([`crate::explain`]) and compares that with the plan that its stored configuration stands for.
//! What is read is [`Evidence`], which is compared without asking the kernel anything; what could
//! not be read is a [`Gap`], never taken for good.

mod collect;
mod difference;
mod limits;
mod mounts;
mod process;
mod render;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

pub use difference::{Difference, Gap, Severity};
pub use render::render;

use crate::{
    container::Container,
    error::Error,
    explain::{Layer, Observation, Seen, layers},
    facts::Facts,
    plan::Plan,
    state::Status,
};
use difference::Findings;

/// Most processes that are looked at one by one.
const MOST: usize = 1000;
/// How long a process that is not as confined as the first may take to become so: it may be one
/// that `exec` is about to make.
const SETTLING: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(30);

/// What was read about a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Its processes, the first one first.
    pub processes: Vec<Member>,
    /// Processes that are in its process namespace and neither in its control group nor in its
    /// mount namespace: number and name.
    pub strangers: Vec<(u32, String)>,
    /// Why processes may be missing from these.
    pub unseen: Vec<String>,
    /// How many processes of this machine the reader may not look at.
    pub hidden: usize,
    /// What is at the paths that the configuration is about.
    pub places: Vec<Place>,
    /// Propagation of the reader's own mounts, such as `shared:3`.
    pub peers: Vec<String>,
    /// Where something is mounted on the reader's machine.
    pub machine: Vec<String>,
    /// Namespaces that the configuration joins: kind and inode.
    pub joined: Vec<(&'static str, Seen<u64>)>,
    /// Files of its control group.
    pub settings: Vec<Setting>,
}

/// A process of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What was read about it.
    pub observation: Observation,
    /// Its name, as it calls itself.
    pub name: String,
    /// Directories of the container's control group that it is not in.
    pub outside: Vec<PathBuf>,
}

/// What is at a path in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path, as the configuration has it.
    pub path: PathBuf,
    /// What is there; `None` if nothing is.
    pub found: Seen<Option<There>>,
}

/// What is at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct There {
    /// Number of the mount that it is on.
    pub mount: u64,
    /// Whether it is what is mounted.
    pub is_mount_root: Option<bool>,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Whether it is the null device (1:3).
    pub is_null: bool,
}

/// A file of a control group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The file.
    pub file: PathBuf,
    /// What the configuration has written there.
    pub expected: Expected,
    /// What it reads.
    pub found: Seen<String>,
}

/// What a setting has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// This number or text; a number of bytes may be rounded down to whole pages.
    Value(String),
    /// Any but the line that allows every device.
    NotEveryDevice,
    /// At least one program that decides about devices.
    DeviceProgram,
}

/// What is in force for a container, and where that differs from its configuration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Grows when fields are added; their meaning does not change.
    pub schema_version: u32,
    /// The container's name.
    pub id: String,
    /// Where in its life it is.
    pub status: &'static str,
    /// Its processes, the first one first.
    pub processes: Vec<Process>,
    /// Where what is in force differs from the configuration, the worst first.
    pub differences: Vec<Difference>,
    /// What could not be read.
    pub unknown: Vec<Gap>,
    /// What was asked for that no kernel tells of another process.
    pub untold: Vec<&'static str>,
    /// How many processes of this machine the reader may not look at. Those in the container's
    /// control group are in the report all the same.
    pub hidden: usize,
}

/// A process of a container.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Process {
    /// Its number in the reader's process namespace.
    pub pid: u32,
    /// Its name, as it calls itself.
    pub name: String,
    /// Its layers of isolation.
    pub layers: Vec<Layer>,
    /// What they were found from.
    pub observation: Observation,
}

/// Reads what isolation is in force for every process of a container, and compares that with its
/// configuration as it was when the container was made or last updated.
///
/// Each process is stopped for under a millisecond, for its filters to be read.
///
/// # Errors
/// When the container does not run, or its configuration has no meaning on this machine any more.
pub fn isolation(container: &Container, facts: &Facts) -> Result<Report, Error> {
    let status = container.status()?;
    if !matches!(status, Status::Running | Status::Paused) {
        return Err(Error::Refused {
            action: "look at the isolation of",
            id: container.id().clone(),
            why: format!("it is {status}; only what runs is isolated"),
        });
    }
    let plan = container.as_planned(facts)?;
    let is_paused = status == Status::Paused;
    let mut evidence = collect::read(container, &plan, is_paused)?;
    settle(container, &plan, &mut evidence, is_paused)?;
    let mut findings = compare(&plan, &evidence);
    findings.sort();
    let hidden = evidence.hidden;
    let processes = evidence.processes.into_iter().map(|member| Process {
        pid: member.observation.pid,
        name: member.name,
        layers: layers(&member.observation, &[]),
        observation: member.observation,
    });
    Ok(Report {
        schema_version: 1,
        id: container.id().to_string(),
        status: status.as_str(),
        processes: processes.collect(),
        differences: findings.differences,
        unknown: findings.gaps,
        untold: untold(&plan),
        hidden,
    })
}

/// Looks again at processes that are not as confined as they should be, until they are, or are
/// gone, or have had the time that `exec` takes.
fn settle(
    container: &Container,
    plan: &Plan,
    evidence: &mut Evidence,
    is_paused: bool,
) -> Result<(), Error> {
    let started = Instant::now();
    while differs(plan, evidence) && started.elapsed() < SETTLING {
        std::thread::sleep(PAUSE);
        *evidence = collect::read(container, plan, is_paused)?;
    }
    Ok(())
}

/// Whether a process but the first differs, or somebody is there who does not belong.
fn differs(plan: &Plan, evidence: &Evidence) -> bool {
    let first = evidence.processes.first();
    let others = evidence.processes.iter().skip(1);
    !evidence.strangers.is_empty()
        || others.into_iter().any(|member| {
            let mut findings = Findings::default();
            process::compare(plan, evidence, member, first, &mut findings);
            !findings.differences.is_empty()
        })
}

/// Where the evidence differs from the plan.
pub(crate) fn compare(plan: &Plan, evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    let first = evidence.processes.first();
    for (index, member) in evidence.processes.iter().enumerate() {
        let first = first.filter(|_| index > 0);
        process::compare(plan, evidence, member, first, &mut findings);
    }
    for (pid, name) in &evidence.strangers {
        findings.differ(
            Severity::Medium,
            "process namespace",
            Some(*pid),
            "a process that is none of the container's is in its process namespace",
            "processes of the container only",
            format!("'{name}', in another mount namespace and control group"),
            "end it, or know it: another container may share this one's process namespace",
        );
    }
    for why in &evidence.unseen {
        findings.gap(None, "processes", why);
    }
    if let Some(member) = first {
        mounts::compare(plan, evidence, &member.observation, &mut findings);
    }
    limits::compare_settings(evidence, &mut findings);
    findings
}

/// What no kernel tells of another process.
fn untold(plan: &Plan) -> Vec<&'static str> {
    let mut untold = Vec::new();
    if plan.process.new_keyring {
        untold.push("session keyring");
    }
    if plan.process.landlock.is_some() {
        untold.push("Landlock");
    }
    untold
}

#[cfg(test)]
mod tests;
