//! Taking privileges off, for good, and running the program.

use std::{
    ffi::{CString, OsStr},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use cofferdam_sys::{capability, channel::Channel, exec, proc::Proc, schedule, seccomp};
use rustix::{
    fs::{Access, AtFlags, CWD, Mode, accessat},
    io::Errno,
    process::{Rlimit, getrlimit, setrlimit, umask},
    thread::{
        CpuSet, Gid, Uid, sched_setaffinity, set_no_new_privs, set_thread_groups,
        set_thread_res_gid, set_thread_res_uid,
    },
};

use super::{label, landlock, listener::Exchange};
use crate::{
    error::{Doing, Error},
    ids::Writer,
    plan::{Plan, Process},
};

/// Puts limits, user, capabilities and the like in force. A filter that needs privileges to be
/// loaded is loaded here; any other comes last of all.
///
/// `proc` is for the labels of security modules, and closed before anything of the container runs.
/// With an agent for system calls the filter is loaded here in any case, while the parent listens.
pub(super) fn drop_privileges(
    plan: &Plan,
    proc: Option<Proc>,
    agent: Option<(&Exchange, &Channel)>,
) -> Result<(), Error> {
    let process = &plan.process;
    let landlock = landlock::prepare(process)?;
    schedule(process)?;
    for limit in &process.limits {
        set_limit(limit)?;
    }
    umask(Mode::from_raw_mode(process.umask));
    if let Some(proc) = proc {
        label::set(process, &proc)?;
    }
    if !process.no_new_privileges {
        load_filter(plan, agent)?;
    }
    capability::limit_bounding(process.capabilities.bounding)
        .doing("limit", "the bounding set of capabilities")?;
    if !process.capabilities.permitted.is_empty() {
        capability::keep_over_user_change().doing("keep", "capabilities")?;
    }
    become_user(plan)?;
    capability::set(&process.capabilities).doing("set", "capabilities")?;
    if process.no_new_privileges {
        set_no_new_privs(true).doing("set", "no_new_privs")?;
    }
    landlock::enforce(landlock.as_ref())?;
    if process.no_new_privileges && agent.is_some() {
        load_filter(plan, agent)?;
    }
    Ok(())
}

/// Processors, disks, memory nodes and the execution domain, some of which need privileges.
fn schedule(process: &Process) -> Result<(), Error> {
    if let Some(scheduling) = &process.scheduling {
        schedule::set_scheduling(scheduling).doing("set", "the scheduler (/process/scheduler)")?;
    }
    if let Some((class, level)) = process.io_priority {
        schedule::set_io_priority(class, level).doing("set", "the I/O priority")?;
    }
    if let Some(policy) = &process.memory_policy {
        schedule::set_memory_policy(policy.mode, &policy.nodes)
            .doing("set", "the memory policy (/linux/memoryPolicy)")?;
    }
    if let Some(persona) = process.personality {
        schedule::set_personality(persona).doing("set", "the personality")?;
    }
    Ok(())
}

/// Processors that a process may run on; none leaves them as they are.
pub(super) fn set_affinity(processors: &[usize]) -> Result<(), Error> {
    if processors.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for processor in processors {
        set.set(*processor);
    }
    sched_setaffinity(None, &set).doing("run on", "the processors of /process/execCPUAffinity")
}

fn set_limit(limit: &crate::plan::Limit) -> Result<(), Error> {
    let value = |number: u64| (number != u64::MAX).then_some(number);
    let wanted = Rlimit { current: value(limit.soft), maximum: value(limit.hard) };
    match setrlimit(limit.resource, wanted) {
        Err(Errno::PERM) => {
            let present = getrlimit(limit.resource).maximum.unwrap_or(u64::MAX);
            let why = format!(
                "raising its hard limit from {present} to {} needs CAP_SYS_RESOURCE, which this \
                 process has not",
                limit.hard
            );
            Err(std::io::Error::other(why)).doing("set the resource limit", limit.name)
        }
        result => result.doing("set the resource limit", limit.name),
    }
}

fn become_user(plan: &Plan) -> Result<(), Error> {
    let process = &plan.process;
    let own = plan.ids.as_ref().is_some_and(|maps| maps.writer == Writer::Own);
    if !own {
        let groups: Vec<_> = process.groups.iter().map(|group| Gid::from_raw(*group)).collect();
        set_thread_groups(&groups).doing("set", "supplementary groups")?;
    }
    let (user, group) = (Uid::from_raw(process.user), Gid::from_raw(process.group));
    set_thread_res_gid(group, group, group).doing("become group", process.group)?;
    set_thread_res_uid(user, user, user).doing("become user", process.user)
}

/// Loads the filter, unless that has needed privileges and has been done.
pub(super) fn load_filter_last(plan: &Plan) -> Result<(), Error> {
    let loaded = plan.filter.as_ref().is_some_and(|filter| filter.listener.is_some());
    if plan.process.no_new_privileges && !loaded { load_filter(plan, None) } else { Ok(()) }
}

fn load_filter(plan: &Plan, agent: Option<(&Exchange, &Channel)>) -> Result<(), Error> {
    let Some(filter) = &plan.filter else { return Ok(()) };
    if let Some((exchange, channel)) = agent {
        return exchange.install(filter, channel);
    }
    seccomp::install(&filter.program, filter.flags).doing("load", "the system-call filter")
}

/// A program with all that execve needs, made while memory may still be asked for freely.
#[derive(Debug)]
pub(super) struct Program<'a> {
    plan: &'a Plan,
    candidates: Vec<CString>,
    environment: Vec<CString>,
}

impl<'a> Program<'a> {
    pub(super) fn new(plan: &'a Plan) -> Result<Self, Error> {
        let name = &plan.process.arguments[0];
        let candidates = if name.as_bytes().contains(&b'/') {
            vec![name.clone()]
        } else {
            let file = Path::new(OsStr::from_bytes(name.as_bytes()));
            let paths = plan.process.search.iter().map(|directory| directory.join(file));
            paths.map(c_string).collect::<Result<_, _>>()?
        };
        Ok(Self { plan, candidates, environment: environment(&plan.process) })
    }

    /// Says already now if no file is there that could be run.
    pub(super) fn check(&self) -> Result<(), Error> {
        let mut found = Errno::NOENT;
        for path in &self.candidates {
            match accessat(CWD, path.as_c_str(), Access::EXEC_OK, AtFlags::EACCESS) {
                Ok(()) => return Ok(()),
                Err(Errno::ACCESS) => found = Errno::ACCESS,
                // Whatever else is wrong, execve knows better.
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(_) => return Ok(()),
            }
        }
        Err(self.failed(found))
    }

    /// Becomes the program; returns only on failure, as execvp(3) tells it: the first file that is
    /// there but cannot be run counts for more than those that are not there.
    pub(super) fn execute(&self) -> Error {
        let process = &self.plan.process;
        let mut found = Errno::NOENT;
        for path in &self.candidates {
            match exec::execve(path, &process.arguments, &self.environment) {
                Errno::NOENT | Errno::NOTDIR => {}
                Errno::ACCESS => found = Errno::ACCESS,
                other => {
                    found = other;
                    break;
                }
            }
        }
        self.failed(found)
    }

    /// Engines tell a missing program from one that may not be run by these words.
    fn failed(&self, found: Errno) -> Error {
        let name = &self.plan.process.arguments[0];
        let why = match found {
            Errno::NOENT if name.as_bytes().contains(&b'/') => "no such file or directory".into(),
            Errno::NOENT => "executable file not found in $PATH".into(),
            Errno::ACCESS => "permission denied".into(),
            other => std::io::Error::from(other).to_string(),
        };
        let code = if found == Errno::NOENT { 127 } else { 126 };
        let program = name.to_string_lossy();
        Error::inside(vec![format!("could not run '{program}' in the container"), why], code)
    }
}

/// With what sd_listen_fds(3) goes by, if there are sockets: how many, and for which process.
fn environment(process: &Process) -> Vec<CString> {
    let mut environment = process.environment.clone();
    if process.sockets > 0 {
        environment.retain(|variable| !variable.as_bytes().starts_with(b"LISTEN_"));
        let own = rustix::process::getpid().as_raw_nonzero();
        let count = process.sockets;
        let told = [format!("LISTEN_FDS={count}"), format!("LISTEN_PID={own}")];
        environment.extend(told.into_iter().filter_map(|variable| CString::new(variable).ok()));
    }
    environment
}

fn c_string(path: PathBuf) -> Result<CString, Error> {
    CString::new(path.into_os_string().into_vec())
        .map_err(|_| Error::configuration("/process/env", "a zero byte is in PATH"))
}
