//! What runs, from the configuration.

use std::{ffi::CString, path::PathBuf};

use cofferdam_oci::runtime::{self as oci, Spec};
use cofferdam_sys::capability::{Set, Sets};
use rustix::process::Resource;

use super::{Limit, Process, landlock, schedule};
use crate::{
    error::Error,
    ids::{Maps, Writer, is_mapped},
};

/// Where programs are looked for when the environment does not say (as execvp(3) of glibc does,
/// with the administrator's directories).
const SEARCH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const LIMITS: [(&str, Resource); 16] = [
    ("RLIMIT_AS", Resource::As),
    ("RLIMIT_CORE", Resource::Core),
    ("RLIMIT_CPU", Resource::Cpu),
    ("RLIMIT_DATA", Resource::Data),
    ("RLIMIT_FSIZE", Resource::Fsize),
    ("RLIMIT_LOCKS", Resource::Locks),
    ("RLIMIT_MEMLOCK", Resource::Memlock),
    ("RLIMIT_MSGQUEUE", Resource::Msgqueue),
    ("RLIMIT_NICE", Resource::Nice),
    ("RLIMIT_NOFILE", Resource::Nofile),
    ("RLIMIT_NPROC", Resource::Nproc),
    ("RLIMIT_RSS", Resource::Rss),
    ("RLIMIT_RTPRIO", Resource::Rtprio),
    ("RLIMIT_RTTIME", Resource::Rttime),
    ("RLIMIT_SIGPENDING", Resource::Sigpending),
    ("RLIMIT_STACK", Resource::Stack),
];

pub(super) fn plan(spec: &Spec, ids: Option<&Maps>) -> Result<Process, Error> {
    let process = spec.process.as_ref();
    let process = process.ok_or_else(|| Error::configuration("/process", "it is missing"))?;
    if process.args.is_empty() || process.args[0].is_empty() {
        return Err(Error::configuration("/process/args", "no program is named"));
    }
    if !process.cwd.starts_with('/') {
        let why = format!("'{}' is not absolute", process.cwd);
        return Err(Error::configuration("/process/cwd", why));
    }
    check_user(&process.user, ids)?;
    let default = oci::Linux::default();
    let linux = spec.linux.as_ref().unwrap_or(&default);
    let range = -1000..=1000;
    if let Some(adjustment) = process.oom_score_adj.filter(|n| !range.contains(n)) {
        let why = format!("{adjustment} is not between -1000 and 1000");
        return Err(Error::configuration("/process/oomScoreAdj", why));
    }
    let capabilities = process.capabilities.as_ref();
    let (capabilities, unavailable) =
        capabilities.map_or_else(Default::default, self::capabilities);
    check_capabilities(&capabilities)?;
    Ok(Process {
        arguments: strings("/process/args", &process.args)?,
        environment: strings("/process/env", &process.env)?,
        search: search(&process.env),
        directory: PathBuf::from(&process.cwd),
        user: process.user.uid,
        group: process.user.gid,
        groups: process.user.additional_gids.clone(),
        umask: umask(&process.user)?,
        capabilities,
        unavailable,
        no_new_privileges: process.no_new_privileges,
        limits: limits(&process.rlimits)?,
        oom_score_adjustment: process.oom_score_adj,
        terminal: process.terminal.then(|| process.console_size.clone()),
        init: false,
        sockets: 0,
        new_keyring: true,
        apparmor: label("/process/apparmorProfile", &process.apparmor_profile)?,
        selinux: label("/process/selinuxLabel", &process.selinux_label)?,
        landlock: landlock::plan(spec, process.no_new_privileges)?,
        scheduling: process.scheduler.as_ref().map(schedule::scheduling).transpose()?,
        io_priority: process.io_priority.as_ref().map(schedule::io_priority).transpose()?,
        affinity: process.exec_cpu_affinity.as_ref().map(schedule::affinity).transpose()?,
        personality: linux.personality.as_ref().map(schedule::personality).transpose()?,
        memory_policy: linux.memory_policy.as_ref().map(schedule::memory_policy).transpose()?,
    })
}

/// The name of a profile or a label, as it is written to a file of /proc.
fn label(field: &str, text: &str) -> Result<Option<String>, Error> {
    if text.contains(['\n', '\0']) || text.len() > 4096 {
        let why = "a line break or zero byte is in it, or it is longer than 4096 bytes";
        return Err(Error::configuration(field, why));
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

fn strings(field: &str, texts: &[String]) -> Result<Vec<CString>, Error> {
    let convert = |(index, text): (usize, &String)| {
        CString::new(text.as_str())
            .map_err(|_| Error::configuration(format!("{field}/{index}"), "a zero byte is in it"))
    };
    texts.iter().enumerate().map(convert).collect()
}

fn search(environment: &[String]) -> Vec<PathBuf> {
    let path = environment.iter().rev().find_map(|entry| entry.strip_prefix("PATH="));
    let named = path.filter(|path| !path.is_empty()).unwrap_or(SEARCH);
    named.split(':').map(|part| PathBuf::from(if part.is_empty() { "." } else { part })).collect()
}

fn check_user(user: &oci::User, ids: Option<&Maps>) -> Result<(), Error> {
    // To the kernel it means "no change": the program would stay root.
    let groups = user.additional_gids.iter().map(|gid| ("/process/user/additionalGids", *gid));
    let all = [("/process/user/uid", user.uid), ("/process/user/gid", user.gid)];
    if let Some((field, id)) = all.into_iter().chain(groups).find(|(_, id)| *id == u32::MAX) {
        return Err(Error::configuration(field, format!("id {id} stands for nobody")));
    }
    let Some(maps) = ids else { return Ok(()) };
    let wrong = |field: &str, id: u32| {
        Error::configuration(field, format!("id {id} stands for no id of this machine"))
    };
    if !is_mapped(&maps.users, user.uid) {
        return Err(wrong("/process/user/uid", user.uid));
    }
    if !is_mapped(&maps.groups, user.gid) {
        return Err(wrong("/process/user/gid", user.gid));
    }
    if maps.writer == Writer::Own && !user.additional_gids.is_empty() {
        let why = "supplementary groups need subordinate ids";
        return Err(Error::configuration("/process/user/additionalGids", why));
    }
    match user.additional_gids.iter().find(|id| !is_mapped(&maps.groups, **id)) {
        Some(id) => Err(wrong("/process/user/additionalGids", *id)),
        None => Ok(()),
    }
}

fn umask(user: &oci::User) -> Result<u32, Error> {
    match user.umask.unwrap_or(0o022) {
        mask if mask <= 0o777 => Ok(mask),
        mask => Err(Error::configuration("/process/user/umask", format!("{mask:#o} is too large"))),
    }
}

/// The sets, and names that stand for no capability: the specification wants those told and the
/// container to run without.
fn capabilities(sets: &oci::Capabilities) -> (Sets, Vec<String>) {
    let mut unknown = Vec::new();
    let mut read = |names: &[String]| {
        let mut set = Set::EMPTY;
        for capability in names {
            if !set.insert(capability) && !unknown.contains(capability) {
                unknown.push(capability.clone());
            }
        }
        set
    };
    let sets = Sets {
        bounding: read(&sets.bounding),
        effective: read(&sets.effective),
        permitted: read(&sets.permitted),
        inheritable: read(&sets.inheritable),
        ambient: read(&sets.ambient),
    };
    (sets, unknown)
}

fn check_capabilities(sets: &Sets) -> Result<(), Error> {
    if !sets.effective.is_subset(sets.permitted) {
        let why = "a capability is there that is not permitted";
        return Err(Error::configuration("/process/capabilities/effective", why));
    }
    if !sets.ambient.is_subset(sets.permitted) || !sets.ambient.is_subset(sets.inheritable) {
        let why = "a capability is there that is not both permitted and inheritable";
        return Err(Error::configuration("/process/capabilities/ambient", why));
    }
    Ok(())
}

fn limits(asked: &[oci::Rlimit]) -> Result<Vec<Limit>, Error> {
    let mut found: Vec<Limit> = Vec::new();
    for (index, limit) in asked.iter().enumerate() {
        let wrong = |why: String| Error::configuration(format!("/process/rlimits/{index}"), why);
        let known = LIMITS.iter().find(|(name, _)| *name == limit.kind);
        let (name, resource) =
            *known.ok_or_else(|| wrong(format!("no limit '{}' is known", limit.kind)))?;
        if limit.soft > limit.hard {
            return Err(wrong(format!("{name}: soft limit above the hard one")));
        }
        if found.iter().any(|other| other.name == name) {
            return Err(wrong(format!("{name} is there twice")));
        }
        found.push(Limit { name, resource, soft: limit.soft, hard: limit.hard });
    }
    Ok(found)
}

/// The limit of tasks for each user id that stands in for a cgroup's.
pub(super) fn task_limit(tasks: i64) -> Option<Limit> {
    let limit = u64::try_from(tasks).ok().filter(|limit| *limit > 0)?;
    Some(Limit { name: "RLIMIT_NPROC", resource: Resource::Nproc, soft: limit, hard: limit })
}
