use std::{
    ffi::OsString,
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode},
};

use clap::ValueEnum;
use cofferdam_oci::{image::Execution, runtime::Spec};
use cofferdam_runtime::{
    ContainerId,
    facts::Facts,
    least::{self, LeastError, Request, Subordinates, UserNamespace},
    plan::Plan,
};
use cofferdam_sys::signal;
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use crate::{
    error::{CliError, OrFail as _},
    images,
    session::{Ended, Session},
};

/// Run a command in a container with least privilege
///
/// The container has no capabilities, no network but its own loopback, a system-call filter, ids
/// that are nobody's on this machine, and a root file system whose changes are thrown away.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Directory that holds the container's root file system; then no IMAGE is named
    #[arg(long, value_name = "DIR")]
    rootfs: Option<PathBuf>,
    /// Image of the store (without --rootfs), then the command and its arguments
    #[arg(value_name = "IMAGE|COMMAND", trailing_var_arg = true)]
    words: Vec<String>,
    /// Print to stderr what isolation is in force, by the kernel's own account
    #[arg(long)]
    explain: bool,
    /// Print what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Name of the container [default: random]
    #[arg(long, value_name = "NAME")]
    name: Option<ContainerId>,
    /// Host name inside [default: the container's name]
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Set a variable; NAME alone passes this environment's value on
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Working directory inside
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// User and group inside, by the container's own passwd and group
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Most memory, such as 512m or 2g; swap counts as memory
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<i64>,
    /// Most tasks [default: 2048]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i64).range(1..))]
    pids_limit: Option<i64>,
    /// Most processors, such as 1.5
    #[arg(long, value_name = "COUNT", value_parser = thousandths)]
    cpus: Option<i64>,
    /// Make the root read-only; /tmp, /run and /var/tmp stay writable in memory
    #[arg(long)]
    read_only: bool,
    /// Most that changes of the root may hold in memory, such as 512m [default: 1g]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    root_size: Option<i64>,
    /// Give it a terminal [default: if stdin and stdout are one]
    #[arg(short, long)]
    tty: bool,
    /// Run an init process as PID 1 that passes signals on and reaps orphans
    #[arg(long)]
    init: bool,
    /// Which ids the container gets [default: auto]
    #[arg(long, value_name = "IDS", value_enum)]
    userns: Option<Userns>,
}

const EXAMPLES: &str = "\
Examples:
  cofferdam run --rootfs ./root -- /bin/sh
  cofferdam run --explain --memory 256m debian:12 -- id";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Userns {
    // Subordinate ids if there are any, else the own id alone.
    Auto,
    // The own id alone.
    Own,
    // This machine's ids; for root only, and less safe.
    Host,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    // What goes wrong before the program runs is 125, as podman has it.
    start(args, session).map_err(|error| match error.exit_code() {
        2 => error.exit_with(125),
        _ => error,
    })
}

fn start(args: &Args, session: &mut Session) -> Ended {
    let id = match &args.name {
        Some(id) => id.clone(),
        None => random_name()?,
    };
    let (root, image, command, _held) = root(args, session)?;
    let request = request(args, &id, root, image, command);
    let facts = Facts::collect();
    let spec = least::configuration(&request, &facts, &subordinates(&facts));
    let spec = match spec {
        Err(error @ LeastError::NoProgram) => {
            return Err(error).hint("name one at the end: cofferdam run --rootfs DIR -- /bin/sh");
        }
        other => other?,
    };
    if args.dry_run {
        let plan = Plan::new(id, &spec, Path::new("/"), &facts)?;
        use std::io::Write as _;
        write!(session.printer.data(), "{plan}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let bundle = Bundle::write(&id, &spec)?;
    let mut command = Command::new(runtime());
    command.arg("run").arg("--bundle").arg(&bundle.0);
    if args.explain {
        command.arg("--explain");
    }
    command.arg(id.as_str());
    wait(command)
}

/// The root directory, what the image says, the command, and what keeps the image in the store.
fn root(
    args: &Args,
    session: &Session,
) -> Result<(PathBuf, Execution, Vec<String>, Option<impl Sized + use<>>), CliError> {
    // Words after the image may be set apart by `--`, which clap leaves in place there.
    let without_dashes =
        |words: &[String]| words.strip_prefix(&["--".to_owned()]).unwrap_or(words).to_vec();
    if let Some(directory) = &args.rootfs {
        let path = fs::canonicalize(directory)
            .or_fail(|| format!("could not open the root file system '{}'", directory.display()))?;
        return Ok((path, Execution::default(), without_dashes(&args.words), None));
    }
    let Some((name, command)) = args.words.split_first() else {
        return Err(CliError::new("could not run: neither an image nor --rootfs is given")
            .hint("run 'cofferdam run --rootfs DIR -- COMMAND' for a root file system on disk"));
    };
    let store = images::store(session)?;
    let stored = store.find(name)?.ok_or_else(|| {
        CliError::new(format!("could not find image '{name}' in the store"))
            .hint(format!("run 'cofferdam image pull {name}', or --rootfs for a directory"))
    })?;
    let image = store.load(&stored)?;
    let root = store.unpack(&image)?;
    let path = root.path().to_owned();
    Ok((path, image.configuration.config, without_dashes(command), Some(root)))
}

fn request(
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
    }
}

/// Tables that are missing hold nothing for anybody.
fn subordinates(facts: &Facts) -> Subordinates {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let name = read("/etc/passwd").lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(facts.user)).then(|| name.to_owned())
    });
    Subordinates { users: read("/etc/subuid"), groups: read("/etc/subgid"), name }
}

fn random_name() -> Result<ContainerId, CliError> {
    use std::io::Read as _;
    let mut bytes = [0; 6];
    let attempt = || "could not make up a name for the container".to_owned();
    fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes)).or_fail(attempt)?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.parse::<ContainerId>().or_fail(attempt)
}

/// A bundle's directory, which nobody else can look into and which goes away with this.
struct Bundle(PathBuf);

impl Bundle {
    fn write(id: &ContainerId, spec: &Spec) -> Result<Self, CliError> {
        // Apart from what the runtime keeps of its containers.
        let parent = runtime_directory()?.join("bundles");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&parent)
            .or_fail(|| format!("could not make the directory '{}'", parent.display()))?;
        let path = parent.join(id.as_str());
        let failed = || format!("could not make the container's directory '{}'", path.display());
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(CliError::new(format!("could not run: a container '{id}' exists"))
                    .hint(format!(
                        "use another --name, or remove '{}' if it is a remnant",
                        path.display()
                    )));
            }
            made => made.or_fail(failed)?,
        }
        let bundle = Self(path.clone());
        let json = serde_json::to_vec(spec).or_fail(failed)?;
        fs::write(bundle.0.join("config.json"), json).or_fail(failed)?;
        Ok(bundle)
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        // A remnant holds no more than the configuration and is told of at the next use.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `/run/cofferdam` for root, else below the user's own runtime directory or, without one, a
/// directory of the user's in the one for temporary files.
fn runtime_directory() -> Result<PathBuf, CliError> {
    use std::os::unix::fs::MetadataExt as _;
    let user = rustix::process::geteuid();
    let path = if user.is_root() {
        PathBuf::from("/run/cofferdam")
    } else {
        match std::env::var_os("XDG_RUNTIME_DIR").filter(|path| Path::new(path).is_dir()) {
            Some(path) => PathBuf::from(path).join("cofferdam"),
            None => std::env::temp_dir().join(format!("cofferdam-{}", user.as_raw())),
        }
    };
    let failed = || format!("could not use the directory of containers '{}'", path.display());
    match fs::DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        made => made.or_fail(failed)?,
    }
    // In a directory that others may write to, somebody may have been there first.
    let found = fs::symlink_metadata(&path).or_fail(failed)?;
    if !found.is_dir() || found.uid() != user.as_raw() || found.mode() & 0o077 != 0 {
        let why = std::io::Error::other("it is not a directory of this user's alone");
        return Err(why).or_fail(failed);
    }
    Ok(path)
}

/// The runtime beside this program, in its `libexec`, or on the path.
fn runtime() -> OsString {
    const NAME: &str = "cofferdam-runtime";
    if let Some(set) = std::env::var_os("COFFERDAM_RUNTIME").filter(|set| !set.is_empty()) {
        return set;
    }
    let own = std::env::current_exe().ok();
    let directory = own.as_deref().and_then(Path::parent);
    let beside = directory.into_iter().flat_map(|directory| {
        [directory.join(NAME), directory.join("../libexec/cofferdam").join(NAME)]
    });
    beside.into_iter().find(|path| path.is_file()).map_or_else(|| NAME.into(), Into::into)
}

/// Runs the runtime to its end; signals to this program are for the container.
fn wait(mut command: Command) -> Ended {
    let program = command.get_program().display().to_string();
    let attempt = || format!("could not run the container runtime '{program}'");
    let signals = signal::Set::all_but_faults();
    signals.block().map_err(std::io::Error::from).or_fail(attempt)?;
    let queue = signal::Queue::new(&signals).map_err(std::io::Error::from).or_fail(attempt)?;
    // The standard library unblocks every signal in the program that it starts.
    let mut child = command
        .spawn()
        .or_fail(attempt)
        .hint("put 'cofferdam-runtime' beside 'cofferdam' or name it in COFFERDAM_RUNTIME")?;
    pass_signals_on(&child, &queue).map_err(std::io::Error::from).or_fail(attempt)?;
    let status = child.wait().or_fail(attempt)?;
    let code = match std::os::unix::process::ExitStatusExt::signal(&status) {
        Some(signal) => Some(128 + signal),
        None => status.code(),
    };
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(125)))
}

/// Until the child has ended.
fn pass_signals_on(child: &Child, queue: &signal::Queue) -> rustix::io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(rustix::io::Errno::SRCH)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    loop {
        let mut watched = [PollFd::new(&pidfd, PollFlags::IN), PollFd::new(queue, PollFlags::IN)];
        match poll(&mut watched, None) {
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        let ended = !watched[0].revents().is_empty();
        while let Some(arrived) = queue.next()? {
            // What the kernel sends, such as for Ctrl-C, the whole process group has got.
            if arrived.signal != Signal::CHILD && arrived.sender != 0 {
                match pidfd_send_signal(&pidfd, arrived.signal) {
                    Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if ended {
            return Ok(());
        }
    }
}

/// A number with k, m, g or t for powers of 1024.
fn size(text: &str) -> Result<i64, String> {
    let wrong = || "a size such as 512m or 2g is wanted".to_owned();
    let lower = text.to_ascii_lowercase();
    let lower = lower.strip_suffix('b').unwrap_or(&lower);
    let (digits, shift) = match lower.chars().last() {
        Some('k') => (&lower[..lower.len() - 1], 10),
        Some('m') => (&lower[..lower.len() - 1], 20),
        Some('g') => (&lower[..lower.len() - 1], 30),
        Some('t') => (&lower[..lower.len() - 1], 40),
        _ => (lower, 0),
    };
    let number: i64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).filter(|size| *size > 0).ok_or_else(wrong)
}

/// A decimal number with up to three places.
fn thousandths(text: &str) -> Result<i64, String> {
    let wrong = || "a number such as 2 or 0.5, of at least 0.01, is wanted".to_owned();
    let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(places) || whole.len() > 6 || places.len() > 3 {
        return Err(wrong());
    }
    let number: i64 = format!("{whole}{places:0<3}").parse().map_err(|_| wrong())?;
    // The kernel takes no less than 1 ms in 100 ms.
    if number >= 10 { Ok(number) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_processors() {
        for (text, wanted) in [
            ("1", Some(1)),
            ("512m", Some(512 << 20)),
            ("2GB", Some(2 << 30)),
            ("0", None),
            ("-1m", None),
            ("m", None),
            ("9223372036854775807k", None),
            ("", None),
        ] {
            assert_eq!(size(text).ok(), wanted, "{text}");
        }
        for (text, wanted) in [
            ("2", Some(2000)),
            ("0.5", Some(500)),
            ("1.125", Some(1125)),
            ("0.001", None),
            ("-1", None),
            ("1.", None),
            ("1e3", None),
            ("", None),
        ] {
            assert_eq!(thousandths(text).ok(), wanted, "{text}");
        }
    }
}
