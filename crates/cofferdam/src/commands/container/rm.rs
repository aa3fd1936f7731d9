use cofferdam_runtime::{ContainerId, container::remove_remnant, record::Records, state};

use super::stop::each;
use crate::{
    containers::{self, Found},
    error::CliError,
    session::{Ended, Session},
};

/// Remove containers that have ended, with their logs
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Volumes stay: cofferdam volume rm removes them.

Examples:
  cofferdam rm web
  cofferdam rm --force web")]
pub(crate) struct Args {
    /// Which containers
    #[arg(value_name = "NAME", required = true)]
    names: Vec<ContainerId>,
    /// End those that run, at once, and remove what is left of others that cannot be read
    #[arg(short, long)]
    force: bool,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    each(&args.names, session, |id| remove(id, args.force))
}

fn remove(id: &ContainerId, force: bool) -> Result<(), CliError> {
    let found = match containers::find(id) {
        Err(_) if force && is_remnant(id)? => return remove_unread(id),
        found => found?,
    };
    if found.standing()?.is_alive() {
        if !force {
            let text = format!("could not remove '{id}': it runs");
            return Err(CliError::new(text)
                .hint(format!("cofferdam stop {id}, or cofferdam rm --force {id}")));
        }
        containers::end(&found)?;
    }
    // Whoever kept it may have removed it.
    if !is_remnant(id)? {
        return Ok(());
    }
    clear(&found)?;
    found.remove()
}

/// Removes what the runtime keeps of a container that nobody watched to its end.
fn clear(found: &Found) -> Result<(), CliError> {
    let Some(container) = found.container()? else { return remove_state(found.id()) };
    let store = state::Store::open(&state::default_directory())?;
    // That hooks fail which run afterwards is told by nobody, as nobody has asked for them.
    container.delete(&store, true)?;
    Ok(())
}

fn is_remnant(id: &ContainerId) -> Result<bool, CliError> {
    Ok(match Records::open()? {
        Some(records) => records.find(id)?.is_some(),
        None => false,
    })
}

/// A folder of which nothing can be understood; nothing is known to run.
fn remove_unread(id: &ContainerId) -> Result<(), CliError> {
    containers::remove_unread(id)?;
    remove_state(id)
}

fn remove_state(id: &ContainerId) -> Result<(), CliError> {
    let path = state::default_directory();
    if path.exists() {
        remove_remnant(&state::Store::open(&path)?, id)?;
    }
    Ok(())
}
