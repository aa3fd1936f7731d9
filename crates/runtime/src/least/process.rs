use cofferdam_oci::runtime::{Capabilities, Process, Rlimit, User};

use super::Request;
use crate::user::Identity;

/// Where programs are looked for when the image does not say.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) fn arguments(request: &Request) -> Option<Vec<String>> {
    let given = !request.arguments.is_empty();
    let words = if given { &request.arguments } else { &request.image.cmd };
    let all: Vec<_> = request.image.entrypoint.iter().chain(words).cloned().collect();
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
        capabilities: Some(Capabilities::default()),
        // A core dump would go where this machine wants it, with the container's memory in it.
        rlimits: vec![Rlimit { kind: "RLIMIT_CORE".into(), hard: 0, soft: 0 }],
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
