mod can;
mod paths;
mod who_can;

use cofferdam_kube::{
    Snapshot,
    rbac::{Access, Request, parse_resource},
};

use super::input::Input;
use crate::{
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// Ask who may do what, and what that leads to
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube rbac who-can create pods/exec -n shop dump.json
  cofferdam kube rbac can sa:shop/web dump.json
  cofferdam kube rbac paths --fail-on high dump.json")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    WhoCan(who_can::Args),
    Can(can::Args),
    Paths(paths::Args),
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::WhoCan(args) => who_can::run(args, session),
        Command::Can(args) => can::run(args, session),
        Command::Paths(args) => paths::run(args, session),
    }
}

/// What a request is about.
#[derive(Debug, clap::Args)]
struct About {
    /// Namespace of the request [default: all of the cluster]
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Name of the object
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
}

impl About {
    fn request(&self, verb: &str, resource: &str) -> Result<Request, CliError> {
        let target = parse_resource(resource, &self.name, self.namespace.as_deref()).hint(
            "write it with its group: widgets.example.org, and 'pods/exec' for a part of it",
        )?;
        Ok(Request { verb: verb.to_owned(), target })
    }
}

/// Roles and bindings of what is read; what of them could not be read is told.
fn access(input: &Input, session: &Session) -> Result<(Snapshot, Access), CliError> {
    let snapshot = input.read(session)?;
    let access = Access::of(&snapshot);
    for gap in &access.gaps {
        session.printer.warning(format_args!("{}: {}", gap.object, gap.why));
    }
    for (binding, role) in &access.dangling {
        session.printer.detail(format_args!("{binding} gives nothing: there is no {role}"));
    }
    Ok((snapshot, access))
}
