//! The configuration with the least privilege that an ordinary program can do with: what
//! `cofferdam run` starts from.

mod linux;
mod maps;
mod mounts;
mod process;

use std::path::PathBuf;

use cofferdam_oci::{
    image::Execution,
    runtime::{Mount, Rlimit, Root, Seccomp, Spec, VERSION},
};

use self::{
    linux::linux,
    maps::{check, maps},
    mounts::mounts,
    process::{arguments, process},
};
use crate::{
    facts::Facts,
    ids::{Range, is_mapped},
    plan::annotation,
    user::{UserError, resolve},
};

/// Bytes of the throw-away layer unless asked otherwise: 1 GiB.
pub const ROOT_SIZE: u64 = 1 << 30;
/// Tasks of a container unless asked otherwise.
pub const TASKS: i64 = 2048;
/// What somebody wants to run.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The root directory, absolute.
    pub root: PathBuf,
    /// What the image says of its program.
    pub image: Execution,
    /// Program and arguments; the image's if empty.
    pub arguments: Vec<String>,
    /// Environment beyond the image's, `NAME=value`.
    pub environment: Vec<String>,
    /// Working directory; the image's if `None`.
    pub directory: Option<String>,
    /// User, as [`resolve`] takes it; the image's if `None`.
    pub user: Option<String>,
    /// Host name.
    pub hostname: String,
    /// Bytes of memory.
    pub memory: Option<i64>,
    /// Tasks; [`TASKS`] if `None`, as far as this machine can enforce that.
    pub tasks: Option<i64>,
    /// Thousandths of a processor.
    pub processors: Option<i64>,
    /// Whether the root is read-only; /tmp, /run and /var/tmp are then writable memory.
    pub readonly: bool,
    /// Bytes of the throw-away layer; [`ROOT_SIZE`] if `None`.
    pub root_size: Option<u64>,
    /// Whether there is a terminal.
    pub terminal: bool,
    /// Whether an init process runs as PID 1.
    pub init: bool,
    /// Which ids the container gets.
    pub user_namespace: UserNamespace,
    /// Program, with arguments, in place of the image's entry point; the image's own command does
    /// not count then.
    pub entrypoint: Option<Vec<String>>,
    /// Mounts beyond the usual ones.
    pub mounts: Vec<Mount>,
    /// Capabilities that its program has; none unless asked for.
    pub capabilities: Vec<String>,
    /// Resource limits.
    pub limits: Vec<Rlimit>,
    /// The system-call filter, in place of the strict one.
    pub filter: Option<Seccomp>,
}

/// Which ids of this machine a container's ids stand for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UserNamespace {
    /// Subordinate ids if there are any, else the caller's own id alone.
    #[default]
    Auto,
    /// These, which nobody else has: all ids of the container for root, and all but its root for
    /// others, whose own id that is.
    Private {
        /// User ids.
        users: Range,
        /// Group ids.
        groups: Range,
    },
    /// The caller's own id alone.
    Own,
    /// The machine's ids themselves; for root only.
    Host,
}

/// Tables of subordinate ids and the caller's name.
#[derive(Debug, Clone, Default)]
pub struct Subordinates {
    /// Content of /etc/subuid.
    pub users: String,
    /// Content of /etc/subgid.
    pub groups: String,
    /// The caller's name.
    pub name: Option<String>,
}

/// Why there is no configuration for a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeastError {
    /// Neither the caller nor the image names a program.
    #[error("could not tell what to run: no command is given and the image names none")]
    NoProgram,
    /// The root directory cannot be opened.
    #[error("could not open the root file system '{path}'")]
    Root {
        /// Its path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The user is not known.
    #[error(transparent)]
    User(#[from] UserError),
    /// The user's or group's id has no counterpart on this machine.
    #[error("could not run as {kind} {id}: the container has ids 0 to {last} only")]
    Unmapped {
        /// User or group.
        kind: &'static str,
        /// The id.
        id: u32,
        /// The last id that the container has.
        last: u32,
    },
    /// Not for this caller.
    #[error("could not use this machine's ids in the container: only root may")]
    HostIds,
}

/// Writes the configuration for a request.
///
/// # Errors
/// When there is nothing to run, the root cannot be opened, or the user is not known or mapped.
pub fn configuration(
    request: &Request,
    facts: &Facts,
    subordinates: &Subordinates,
) -> Result<Spec, LeastError> {
    let arguments = arguments(request).ok_or(LeastError::NoProgram)?;
    let path = request.root.display().to_string();
    let root = cofferdam_sys::root::Root::open(&request.root)
        .map_err(|error| LeastError::Root { path: path.clone(), source: error.into() })?;
    let user = request.user.as_deref().unwrap_or(&request.image.user);
    let mut identity = resolve(&root, user)?;
    let (users, groups) = maps(request.user_namespace, facts, subordinates)?;
    if request.user_namespace != UserNamespace::Host {
        check("user", &users, identity.user)?;
        check("group", &groups, identity.group)?;
        // Groups of the image's own choice that this container cannot have.
        identity.groups.retain(|group| is_mapped(&groups, *group));
        if users.len() == 1 && users[0].size == 1 {
            identity.groups.clear();
        }
    }
    let mounts = mounts(request, &groups);
    Ok(Spec {
        oci_version: VERSION.into(),
        root: Some(Root { path, readonly: request.readonly }),
        hostname: request.hostname.clone(),
        mounts,
        annotations: annotations(request, facts),
        process: Some(process(request, arguments, identity)),
        linux: Some(linux(request, users, groups)),
        ..Spec::default()
    })
}

fn annotations(request: &Request, facts: &Facts) -> std::collections::BTreeMap<String, String> {
    let mut annotations = std::collections::BTreeMap::new();
    let mut set = |key: &str, value: String| drop(annotations.insert(key.to_owned(), value));
    set(annotation::EPHEMERAL_ROOT, request.root_size.unwrap_or(ROOT_SIZE).to_string());
    if facts.is_privileged() && request.user_namespace != UserNamespace::Host {
        set(annotation::MAPPED_ROOT, "true".into());
    }
    if request.init {
        set(annotation::INIT, "true".into());
    }
    set(annotation::OPTIONAL_SWAP, "true".into());
    set(annotation::OPTIONAL_MOUNTS, "/sys,/dev/mqueue".into());
    // A limit that was asked for is never given up.
    if request.memory.is_none() && request.tasks.is_none() && request.processors.is_none() {
        set(annotation::OPTIONAL_LIMITS, "true".into());
    }
    annotations
}
