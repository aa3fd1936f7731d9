//! Another program in a running container.

use std::path::{Component, Path, PathBuf};

use cofferdam_oci::runtime::Process;

use super::Container;
use crate::{
    apply::{self, Options},
    error::Error,
    facts::Facts,
    plan::Plan,
    policy::Policy,
    state::Status,
};

const ACTION: &str = "execute a program in";

/// What is to be executed, and how.
#[derive(Debug, Clone)]
pub struct Execution {
    /// The program, and what its process is like.
    pub process: Process,
    /// File that its process id is written to.
    pub pid_file: Option<PathBuf>,
    /// Socket that the outer side of its terminal goes to.
    pub console_socket: Option<PathBuf>,
    /// Descriptors beyond the standard three that it keeps.
    pub preserved: u32,
    /// Whether it outlives this process.
    pub detached: bool,
    /// Whether a frozen container is entered too.
    pub ignore_paused: bool,
    /// Whether the session keyring is kept.
    pub no_new_keyring: bool,
    /// Groups below the container's to run in: a path, or `controller[,controller]:path` on v1.
    pub groups: Vec<String>,
    /// What the host's owner allows.
    pub policies: Vec<Policy>,
}

impl Container {
    /// Runs a program in the container, as confined as its first process is; returns its exit
    /// code, or 0 when it runs if it is detached.
    ///
    /// # Errors
    /// When the container does not run, or the program cannot be run.
    pub fn exec(&self, execution: &Execution, facts: &Facts) -> Result<u8, Error> {
        let init = match self.status()? {
            Status::Stopped | Status::Creating => {
                return self.refuse(ACTION, "container not running");
            }
            Status::Paused if !execution.ignore_paused => {
                let why = "cannot exec in a paused container (use --ignore-paused to override)";
                return self.refuse(ACTION, why);
            }
            _ => self.state().init.ok_or_else(|| Error::Missing(self.id().clone()))?,
        };
        let mut spec = self.state().spec.clone();
        spec.process = Some(execution.process.clone());
        let bundle = &self.state().bundle;
        super::make::allow(&execution.policies, self.id(), &spec, bundle)?;
        let facts = self.facts(facts);
        let mut plan = Plan::new(self.id().clone(), &spec, &self.state().bundle, &facts)?;
        super::make::give_up_unavailable(&mut plan);
        // The container's init has no second of its kind inside.
        plan.process.init = false;
        plan.process.new_keyring = !execution.no_new_keyring;
        if plan.process.terminal.is_some() != execution.console_socket.is_some()
            && (execution.detached || execution.console_socket.is_some())
        {
            let why = "--console-socket goes with a terminal and --detach";
            return Err(Error::configuration("/process/terminal", why));
        }
        let groups = self.groups(&execution.groups)?;
        let mut options = Options {
            pid_file: execution.pid_file.clone(),
            console_socket: execution.console_socket.clone(),
            preserved: execution.preserved,
            detached: execution.detached,
            ..Options::default()
        };
        apply::exec(&plan, init, &groups, &mut options)
    }

    /// The container's groups, or those below them that are asked for.
    fn groups(&self, asked: &[String]) -> Result<Vec<PathBuf>, Error> {
        let mut groups = self.state().cgroups.clone();
        for text in asked {
            let (controllers, path) = match text.split_once(':') {
                Some((controllers, path)) => (Some(controllers), path),
                None => (None, text.as_str()),
            };
            let wrong = |why: &str| Error::configuration(format!("--cgroup {text}"), why);
            let below: PathBuf =
                Path::new(path).components().skip_while(|c| *c == Component::RootDir).collect();
            if !below.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
                return Err(wrong(&format!("{path} is not a sub cgroup path")));
            }
            let names: Vec<&str> = controllers.iter().flat_map(|names| names.split(',')).collect();
            for name in &names {
                if self.state().unified || self.group().of(name).is_none() {
                    return Err(wrong(&format!("unknown controller {name}")));
                }
            }
            for group in &mut groups {
                let meant = names.is_empty()
                    || names.iter().any(|name| self.group().of(name) == Some(group.as_path()));
                if meant {
                    group.push(&below);
                    if !group.is_dir() {
                        let file = group.join("cgroup.procs");
                        return Err(wrong(&format!(
                            "error adding pid to the cgroup: {}: no such file or directory",
                            file.display()
                        )));
                    }
                }
            }
        }
        Ok(groups)
    }
}
