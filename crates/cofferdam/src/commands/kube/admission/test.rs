use std::{io::Write as _, path::PathBuf, process::ExitCode};

use cofferdam_finding::render::escape;
use cofferdam_server::admission::{Action, decide};

use crate::{
    commands::kube::input::Input,
    session::{Ended, Session},
};

/// Say what a policy would do to manifests, or to what is in a cluster
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube admission test --policy policy.toml manifests/
  cofferdam kube admission test --policy policy.toml --context staging

Exit status:
  0  nothing would be refused
  1  something would be refused
  2  wrong usage, or nothing could be read
  3  something could not be understood, and nothing would be refused")]
pub(crate) struct Args {
    #[command(flatten)]
    input: Input,
    /// Policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let (policy, _) = super::policy(args.policy.as_deref())?;
    let snapshot = args.input.read(session)?;
    let (mut refused, mut objects) = (0, 0);
    for object in snapshot.objects.iter().filter(|object| !object.superseded) {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        if policy.exempts(namespace, "").is_some() {
            continue;
        }
        objects += 1;
        let body = serde_json::from_str(&object.body)?;
        let verdict = decide(&body, namespace, &policy);
        refused += usize::from(!verdict.allows());
        let out = session.printer.data();
        for one in verdict.decided.iter().filter(|one| one.action > Action::Audit) {
            let rule = if one.rule.is_empty() { "not-understood" } else { &one.rule };
            let line = format!("{}  {}: {rule}: {}", one.action.name(), object.title(), one.what);
            writeln!(out, "{}", escape(&line))?;
        }
    }
    session.printer.message(format_args!("{refused} of {objects} objects would be refused"));
    Ok(ExitCode::from(match (refused, snapshot.gaps.len()) {
        (0, 0) => 0,
        (0, _) => 3,
        _ => 1,
    }))
}
