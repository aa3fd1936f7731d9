use std::process::ExitCode;

use cofferdam_vuln::fleet::Store;

use super::rematch::REPAIR;
use crate::{
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// Take images out of the index
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Names as they were added, or digests (twelve digits at least)
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let store = Store::lock(&session.settings.data_dir()?)?;
    let mut fleet = store.load().hint(REPAIR)?;
    for name in &args.names {
        let removed = fleet.remove(name);
        if removed.is_empty() {
            return Err(CliError::new(format!(
                "could not remove '{name}': it is not in the index"
            ))
            .hint("cofferdam fleet list shows what is"));
        }
        removed.iter().for_each(|name| session.printer.message(format!("removed '{name}'")));
    }
    store.save(fleet)?;
    Ok(ExitCode::SUCCESS)
}
