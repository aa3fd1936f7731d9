mod export;
mod manifests;
mod serve;
mod test;

use std::path::Path;

use cofferdam_server::admission::Policy;

use crate::{
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// Refuse what breaks rules before it is in the cluster
///
/// The rules of 'kube audit' on workloads, as a validating webhook of an API server, or, as far as its
/// own language can say them, as policies that the server evaluates by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube admission test --policy policy.toml manifests/
  cofferdam kube admission manifests --ca-bundle ca.pem --image registry.example.org/cofferdam:1
  cofferdam kube admission export --policy policy.toml | kubectl apply -f -
  cofferdam kube admission serve --certificate tls.crt --key tls.key --policy policy.toml")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Serve(serve::Args),
    Manifests(manifests::Args),
    Export(export::Args),
    Test(test::Args),
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::Serve(args) => serve::run(args, session),
        Command::Manifests(args) => manifests::run(args, session),
        Command::Export(args) => export::run(args, session),
        Command::Test(args) => test::run(args, session),
    }
}

/// The policy at `path` with its text, or the default.
fn policy(path: Option<&Path>) -> Result<(Policy, String), CliError> {
    let Some(path) = path else {
        return Ok((Policy::default(), "schema_version = 1\n".to_owned()));
    };
    let attempt = || format!("could not read policy '{}'", path.display());
    let text = std::fs::read_to_string(path).or_fail(attempt)?;
    let policy = Policy::parse(&text)
        .or_fail(attempt)
        .hint("docs/guides/admission.md shows one; 'cofferdam rules' lists the rules")?;
    Ok((policy, text))
}
