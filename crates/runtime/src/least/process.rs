use cofferdam_oci::runtime::{Capabilities, Process, Rlimit, User};

use super::Request;
use crate::user::Identity;

/// Where programs are looked for when the image does not say.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) fn arguments(request: &Request) -> Option<Vec<String>> {
    let own_words = request.arguments.is_empty() && request.entrypoint.is_none();
    let words = if own_words { &request.image.cmd } else { &request.arguments };
    let entrypoint = request.entrypoint.as_ref().unwrap_or(&request.image.entrypoint);
    let all: Vec<_> = entrypoint.iter().chain(words).cloned().collect();
    (!all.is_empty()).then_some(all)
}

pub(super) fn process(request: &Request, args: Vec<String>, identity: Identity) -> Process {
    let image = &request.image;
    let directory = request.directory.as_deref().unwrap_or(&image.working_dir);
    Process {
        terminal: request.terminal,
        env: environment(request, &identity),
        cwd: if directory.starts_with('/') { directory.into() } else { format!("/{directory}") },
        user: User {
            uid: identity.user,
            gid: identity.group,
            umask: Some(0o022),
            additional_gids: identity.groups,
            username: String::new(),
        },
        args,
        capabilities: Some(capabilities(request, identity.user)),
        rlimits: limits(request),
        no_new_privileges: true,
        ..Process::default()
    }
}

/// Minimal, then the image's, then what was asked for; the last of a name counts.
fn environment(request: &Request, identity: &Identity) -> Vec<String> {
    let mut minimal = vec![PATH.to_owned(), format!("HOSTNAME={}", request.hostname)];
    minimal.push(format!("HOME={}", identity.home.as_deref().unwrap_or("/")));
    if request.terminal {
        minimal.push("TERM=xterm".into());
    }
    let mut merged: Vec<String> = Vec::new();
    for entry in minimal.iter().chain(&request.image.env).chain(&request.environment) {
        let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
        match merged.iter_mut().find(|other| name(other) == name(entry)) {
            Some(other) => other.clone_from(entry),
            None => merged.push(entry.clone()),
        }
    }
    merged
}

/// What was asked for, and nothing that a program of less privilege could draw from: only where the
/// program is not root does a capability have to survive execve by itself.
fn capabilities(request: &Request, user: u32) -> Capabilities {
    let asked = || request.capabilities.clone();
    let ambient = || if user == 0 { Vec::new() } else { asked() };
    Capabilities {
        bounding: asked(),
        effective: asked(),
        permitted: asked(),
        inheritable: ambient(),
        ambient: ambient(),
    }
}

fn limits(request: &Request) -> Vec<Rlimit> {
    const CORE: &str = "RLIMIT_CORE";
    let mut limits = request.limits.clone();
    if !limits.iter().any(|limit| limit.kind == CORE) {
        // A core dump would go where this machine wants it, with the container's memory in it.
        limits.push(Rlimit { kind: CORE.into(), hard: 0, soft: 0 });
    }
    limits
}
