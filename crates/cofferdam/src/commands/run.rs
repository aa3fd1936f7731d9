//! `cofferdam run`: from the command line to a configuration, and from there to its end.

mod arguments;
mod binds;
mod filter;
pub(crate) mod mounts;
pub(crate) mod network;
mod request;
mod root;
mod values;
mod wait;

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

use cofferdam_oci::runtime::Spec;
use cofferdam_runtime::{
    ContainerId,
    facts::Facts,
    least::{self, LeastError, UserNamespace},
    plan::Plan,
    record::Record,
    state::default_directory,
};
use cofferdam_sys::signal;

pub(crate) use self::{
    arguments::Args,
    values::{label, seconds},
    wait::wait,
};
use self::{network::Network, root::Origin};
use crate::{
    containers::{
        self, Kept, background, runtime,
        volumes::{VolumeName, Volumes},
    },
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

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
    let facts = Facts::collect();
    if args.dry_run {
        let origin = root::root(args, session)?;
        let made = Made::new(args, &id, &origin, &facts, None, session)?;
        return print(&made, id, &facts, session);
    }
    // The name first: who comes second is told so before anything is fetched or made.
    let mut kept = Kept::reserve(&id)?;
    let origin = root::root(args, session)?;
    let made = Made::new(args, &id, &origin, &facts, Some(&mut kept), session)?;
    made.make_volumes(&facts, session)?;
    kept.fill(&made.spec, &made.record)?;
    if args.life.detach {
        made.network.leave(kept.folder().path())?;
        background::start(kept, origin.held.as_ref())?;
        use std::io::Write as _;
        writeln!(session.printer.data(), "{id}")?;
        return Ok(ExitCode::SUCCESS);
    }
    kept.unlock();
    foreground(args, &id, &kept, &made, session)
}

/// All that a container is made from.
struct Made {
    spec: Spec,
    record: Record,
    volumes: Vec<VolumeName>,
    network: Network,
}

impl Made {
    fn new(
        args: &Args,
        id: &ContainerId,
        origin: &Origin,
        facts: &Facts,
        kept: Option<&mut Kept>,
        session: &Session,
    ) -> Result<Self, CliError> {
        let subordinates = request::subordinates(facts);
        let network = Network::new(args, id, facts, session)?;
        let folder = match &kept {
            Some(kept) => kept.folder().path().to_owned(),
            // Where it would be.
            None => default_directory().with_file_name("records").join(id.as_str()),
        };
        let ids = request::user_namespace(args, facts, &subordinates, kept, session)?;
        let volumes = Volumes::of(session)?;
        let around = binds::Around {
            volumes: &volumes,
            privileged: facts.is_privileged(),
            has_own_ids: ids != UserNamespace::Host,
            data_dir: std::path::absolute(session.settings.data_dir()?)?,
            home: std::env::var_os("HOME").map(Into::into),
        };
        let files = &args.files;
        let asked = files.volume.iter().chain(&files.mount).chain(&files.tmpfs);
        let asked: Vec<_> = asked.chain(&files.device).collect();
        let (mounts, names) = binds::mounts(&asked, &around)?;
        let request = request::request(args, id, origin, ids, mounts)?;
        let mut spec = match least::configuration(&request, facts, &subordinates) {
            Err(error @ LeastError::NoProgram) => {
                return Err(error)
                    .hint("name one at the end: cofferdam run --rootfs DIR -- /bin/sh");
            }
            other => other?,
        };
        network.apply(&mut spec, &folder)?;
        let mut record = record(args, id, origin, &spec)?;
        record.volumes = names.iter().map(|name| volumes.path(name)).collect();
        Ok(Self { spec, record, volumes: names, network })
    }

    /// Makes the volumes that are not there; new ones belong to the container's user, where files
    /// have the container's ids.
    fn make_volumes(&self, facts: &Facts, session: &Session) -> Result<(), CliError> {
        let user = self.spec.process.as_ref().map(|process| (process.user.uid, process.user.gid));
        let owner = user.filter(|_| facts.is_privileged());
        for name in &self.volumes {
            Volumes::of(session)?.make(name, owner)?;
        }
        Ok(())
    }
}

fn record(args: &Args, id: &ContainerId, origin: &Origin, spec: &Spec) -> Result<Record, CliError> {
    let command = spec.process.as_ref().map(|process| process.args.clone()).unwrap_or_default();
    let mut record = Record::new(id, origin.path.clone(), command);
    let life = &args.life;
    record.image.clone_from(&origin.image);
    record.detached = life.detach;
    record.remove = life.rm || !life.detach;
    record.terminal = request::has_terminal(args);
    record.interactive = args.program.interactive;
    record.restart = life.restart;
    record.stop_timeout = life.stop_timeout;
    record.max_age = life.max_age;
    record.labels = life.label.iter().cloned().collect();
    if let Some(size) = life.log_size {
        record.log_size = size;
    }
    let signal = &origin.says.stop_signal;
    if !signal.is_empty() {
        record.stop_signal =
            signal::number(signal).filter(|number| *number > 0).ok_or_else(|| {
                CliError::new(format!("could not use the image: no signal is named '{signal}'"))
            })?;
    }
    Ok(record)
}

fn print(made: &Made, id: ContainerId, facts: &Facts, session: &mut Session) -> Ended {
    use std::io::Write as _;
    let plan = Plan::new(id, &made.spec, Path::new("/"), facts)?;
    let out = session.printer.data();
    write!(out, "{plan}{}", made.network)?;
    let record = &made.record;
    let mut line = |name: &str, value: String| writeln!(out, "{name:<12} {value}");
    for name in &made.volumes {
        line("volume", format!("{name}, made if it is not there"))?;
    }
    line("life", if record.detached { "in the background" } else { "in the foreground" }.into())?;
    if record.detached {
        line("restart", record.restart.to_string())?;
        line("log", format!("at most {} bytes", record.log_size))?;
        line("at its end", if record.remove { "removed" } else { "kept" }.into())?;
    }
    if let Some(age) = record.max_age {
        line("ends after", format!("{age} s"))?;
    }
    line("when stopped", format!("signal {}, and {} s", record.stop_signal, record.stop_timeout))?;
    Ok(ExitCode::SUCCESS)
}

/// Stays with the container until it has ended.
fn foreground(args: &Args, id: &ContainerId, kept: &Kept, made: &Made, session: &Session) -> Ended {
    let record = &made.record;
    let mut command = Command::new(runtime());
    command.args(["--exit-codes", "podman", "run", "--bundle"]).arg(kept.folder().path());
    if args.explain {
        command.arg("--explain");
    }
    let keeper = made.network.keep(kept.folder().path(), &mut command, args.explain)?;
    command.arg(id.as_str());
    let kill = || match containers::find(id)?.container()? {
        Some(container) => Ok(container.kill(rustix::process::Signal::KILL.as_raw(), true)?),
        None => Ok(()),
    };
    let reached = || {
        session.printer.message("the container is ended: it has run as long as --max-age lets it");
    };
    let limit = record.max_age.map(|age| wait::Limit {
        reached: &reached,
        age: Duration::from_secs(age),
        grace: Duration::from_secs(record.stop_timeout.into()),
        signal: record.stop_signal,
        kill: &kill,
    });
    let ended = wait(command, limit.as_ref());
    if let Some(keeper) = keeper {
        network::tell_refused(keeper.finish(), session);
    }
    ended
}

fn random_name() -> Result<ContainerId, CliError> {
    use std::io::Read as _;
    let mut bytes = [0; 6];
    let attempt = || "could not make up a name for the container".to_owned();
    fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes)).or_fail(attempt)?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.parse::<ContainerId>().or_fail(attempt)
}
