use std::{fs, io::Read as _, path::Path};

use cofferdam_oci::runtime::Mount;
use cofferdam_runtime::{
    ContainerId,
    facts::Facts,
    ids::{Range, pool_for_root, pool_for_user},
    least::{Request, Subordinates, UserNamespace},
};

use super::{
    arguments::{Args, Userns},
    filter,
    root::Origin,
    values::capabilities,
};
use crate::{
    containers::Kept,
    error::{CliError, OrFail as _},
    session::Session,
};

/// The largest file of variables that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;

pub(crate) fn request(
    args: &Args,
    id: &ContainerId,
    origin: &Origin,
    user_namespace: UserNamespace,
    mounts: Vec<Mount>,
) -> Result<Request, CliError> {
    let (program, limits) = (&args.program, &args.limits);
    let capabilities = capabilities(&limits.cap_add, &limits.cap_drop);
    let filter =
        limits.seccomp.as_deref().map(|path| filter::read(path, &capabilities)).transpose()?;
    Ok(Request {
        root: origin.path.clone(),
        image: origin.says.clone(),
        arguments: origin.command.clone(),
        environment: environment(args)?,
        directory: program.workdir.clone(),
        user: program.user.clone(),
        hostname: program.hostname.clone().unwrap_or_else(|| id.to_string()),
        memory: limits.memory,
        tasks: limits.pids_limit,
        processors: limits.cpus,
        readonly: args.files.read_only,
        root_size: args.files.root_size.and_then(|size| u64::try_from(size).ok()),
        terminal: has_terminal(args),
        init: program.init,
        user_namespace,
        entrypoint: program.entrypoint.clone().map(|program| {
            // An empty one takes the image's away and puts nothing in its place.
            if program.is_empty() { Vec::new() } else { vec![program] }
        }),
        mounts,
        capabilities,
        limits: limits.ulimit.clone(),
        filter,
    })
}

/// In the background only if it is asked for: nobody may be there to look at it.
pub(crate) fn has_terminal(args: &Args) -> bool {
    let here = || {
        rustix::termios::isatty(rustix::stdio::stdin())
            && rustix::termios::isatty(rustix::stdio::stdout())
    };
    args.program.tty || !args.life.detach && here()
}

/// Those of files first, then those of the command line.
fn environment(args: &Args) -> Result<Vec<String>, CliError> {
    let mut all = Vec::new();
    for path in &args.program.env_file {
        let attempt = || format!("could not read variables from '{}'", path.display());
        let text = read(path).or_fail(attempt)?;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let name = line.split('=').next().unwrap_or_default();
            if name.is_empty() || name.contains(char::is_whitespace) {
                let why = format!("line {} is not NAME=VALUE", index + 1);
                return Err(CliError::new(attempt()).because([why]));
            }
            all.extend(value(line));
        }
    }
    all.extend(args.program.env.iter().filter_map(|entry| value(entry)));
    Ok(all)
}

/// A name alone passes this program's own value on, if it has one.
fn value(entry: &str) -> Option<String> {
    match entry.contains('=') {
        true => Some(entry.to_owned()),
        false => std::env::var(entry).ok().map(|value| format!("{entry}={value}")),
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
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

/// Which ids the container gets; `kept` is where those of its own are noted, `None` if nothing is
/// to be done in earnest.
pub(crate) fn user_namespace(
    args: &Args,
    facts: &Facts,
    subordinates: &Subordinates,
    kept: Option<&mut Kept>,
    session: &Session,
) -> Result<UserNamespace, CliError> {
    let must = match args.limits.userns {
        Some(Userns::Shared) => return Ok(UserNamespace::Auto),
        Some(Userns::Own) => return Ok(UserNamespace::Own),
        Some(Userns::Host) => return Ok(UserNamespace::Host),
        Some(Userns::Auto) => true,
        None => false,
    };
    let mut pools = pools(facts, subordinates).peekable();
    let Some(first) = pools.peek().copied() else {
        // There are no ranges at all, as `auto` has always been understood then.
        return Ok(UserNamespace::Auto);
    };
    let Some(kept) = kept else {
        return Ok(UserNamespace::Private { users: first.0, groups: first.1 });
    };
    match kept.take_ids(pools)? {
        Some(pair) => Ok(UserNamespace::Private { users: pair.users, groups: pair.groups }),
        None if must => {
            Err(CliError::new("could not give the container ids of its own: all are in use").hint(
                "add ranges to /etc/subuid and /etc/subgid, remove containers, or use --userns \
                 shared",
            ))
        }
        None => {
            session.printer.warning(
                "all ranges of ids are in use: this container shares its ids with another",
            );
            Ok(UserNamespace::Auto)
        }
    }
}

/// Ranges that a container can have for itself. The first comes last, as it is the one that shared
/// ids are of.
fn pools<'a>(
    facts: &Facts,
    subordinates: &'a Subordinates,
) -> Box<dyn Iterator<Item = (Range, Range)> + 'a> {
    let all = || -> Box<dyn Iterator<Item = (Range, Range)> + 'a> {
        let (users, groups) = (&subordinates.users, &subordinates.groups);
        if facts.is_privileged() {
            return Box::new(pool_for_root(users).zip(pool_for_root(groups)));
        }
        let name = subordinates.name.as_deref();
        // The owner of /etc/subgid's ranges is a user too (subgid(5)).
        let users = pool_for_user(users, name, facts.user);
        Box::new(users.zip(pool_for_user(groups, name, facts.user)))
    };
    Box::new(all().skip(1).chain(all().take(1)))
}
