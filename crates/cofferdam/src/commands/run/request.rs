use std::{fs, path::PathBuf};

use cofferdam_oci::image::Execution;
use cofferdam_runtime::{
    ContainerId,
    facts::Facts,
    least::{Request, Subordinates, UserNamespace},
};

use super::arguments::{Args, Userns};

pub(crate) fn request(
    args: &Args,
    id: &ContainerId,
    root: PathBuf,
    image: Execution,
    arguments: Vec<String>,
) -> Request {
    let terminal = rustix::termios::isatty(rustix::stdio::stdin())
        && rustix::termios::isatty(rustix::stdio::stdout());
    let environment = args.env.iter().filter_map(|entry| match entry.contains('=') {
        true => Some(entry.clone()),
        false => std::env::var(entry).ok().map(|value| format!("{entry}={value}")),
    });
    Request {
        root,
        image,
        arguments,
        environment: environment.collect(),
        directory: args.workdir.clone(),
        user: args.user.clone(),
        hostname: args.hostname.clone().unwrap_or_else(|| id.to_string()),
        memory: args.memory,
        tasks: args.pids_limit,
        processors: args.cpus,
        readonly: args.read_only,
        root_size: args.root_size.and_then(|size| u64::try_from(size).ok()),
        terminal: args.tty || terminal,
        init: args.init,
        user_namespace: match args.userns {
            None | Some(Userns::Auto) => UserNamespace::Auto,
            Some(Userns::Own) => UserNamespace::Own,
            Some(Userns::Host) => UserNamespace::Host,
        },
        entrypoint: None,
        mounts: Vec::new(),
        capabilities: Vec::new(),
        limits: Vec::new(),
        filter: None,
    }
}

/// Tables that are missing hold nothing for anybody.
pub(crate) fn subordinates(facts: &Facts) -> Subordinates {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let name = read("/etc/passwd").lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(facts.user)).then(|| name.to_owned())
    });
    Subordinates { users: read("/etc/subuid"), groups: read("/etc/subgid"), name }
}
