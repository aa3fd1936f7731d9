use std::process::ExitCode;

use super::{bases, short};
use crate::{
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// Forget base images
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Names (all images of that name), or digests (twelve digits at least)
    #[arg(required = true)]
    names: Vec<String>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Ended {
    let (store, bases) = bases(session)?;
    for name in &args.names {
        let digits = name.strip_prefix("sha256:").unwrap_or(name);
        let is_meant = |digest: &str| {
            let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
            digits.len() >= 12 && hex.starts_with(digits)
        };
        let mut removed = bases.iter().filter(|one| one.name == *name || is_meant(&one.digest));
        let Some(first) = removed.next() else {
            return Err(CliError::new(format!("could not remove base '{name}': it is not known")))
                .hint("cofferdam base list shows what is");
        };
        for base in [first].into_iter().chain(removed) {
            store.remove(base)?;
            session.printer.message(format!("removed '{}' ({})", base.name, short(&base.digest)));
        }
    }
    Ok(ExitCode::SUCCESS)
}
