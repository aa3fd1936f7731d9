//! `cofferdam run`: from the command line to a configuration, and from there to its end.

mod arguments;
mod request;
mod root;
mod size;
mod wait;

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use cofferdam_runtime::{
    ContainerId,
    facts::Facts,
    least::{self, LeastError},
    plan::Plan,
};

pub(crate) use self::arguments::Args;
use crate::{
    containers::{Bundle, runtime},
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
    let (root, image, command, _held) = root::root(args, session)?;
    let request = request::request(args, &id, root, image, command);
    let facts = Facts::collect();
    let spec = least::configuration(&request, &facts, &request::subordinates(&facts));
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
    command.args(["--exit-codes", "podman", "run"]).arg("--bundle").arg(&bundle.0);
    if args.explain {
        command.arg("--explain");
    }
    command.arg(id.as_str());
    wait::wait(command)
}

fn random_name() -> Result<ContainerId, CliError> {
    use std::io::Read as _;
    let mut bytes = [0; 6];
    let attempt = || "could not make up a name for the container".to_owned();
    fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes)).or_fail(attempt)?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.parse::<ContainerId>().or_fail(attempt)
}
