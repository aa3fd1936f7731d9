use std::{io::Write as _, path::PathBuf, process::ExitCode};

use cofferdam_server::admission::export;

use crate::session::{Ended, Session};

/// Write the policy in the API server's own language, as far as that can say it
///
/// ValidatingAdmissionPolicies and bindings, one pair for each of deny, warn and audit; for servers from
/// 1.30 on. Rules that are not in it are named at its beginning.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube admission export --policy policy.toml | kubectl apply -f -
  cofferdam kube admission export --name strict -o policies.yaml")]
pub(crate) struct Args {
    /// Policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Name of the objects
    #[arg(long, value_name = "NAME", default_value = "cofferdam")]
    name: String,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let (policy, _) = super::policy(args.policy.as_deref())?;
    super::manifests::check_name("name", &args.name)?;
    let exported = export(&policy, &args.name);
    session.printer.data().write_all(exported.yaml.as_bytes())?;
    if !exported.left.is_empty() {
        let left = exported.left.join(", ");
        session
            .printer
            .message(format_args!("{} rules are left to the webhook: {left}", exported.left.len()));
    }
    Ok(ExitCode::SUCCESS)
}
