//! `delete`: removes a container with all that was made for it.

use cofferdam_runtime::{Error, container};

use super::Command;
use crate::{
    arguments::{Given, flag},
    session::{Ended, Failure, Session, only_id},
};

pub(super) const COMMAND: Command = Command {
    name: "delete",
    summary: "remove a container with all that was made for it",
    help: "\
delete [OPTIONS] ID

  --force, -f   end it first if it runs, and no error if there is none
",
    options: &[flag("force").or('f')],
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run,
};

fn run(given: &Given, session: &Session) -> Ended {
    let (id, force) = (only_id(given)?, given.is_set("force"));
    let Some(store) = session.store().ok().flatten() else {
        return missing(&id, force);
    };
    let container = match container::Container::find(&store, &id) {
        Ok(container) => container,
        Err(Error::Missing(_)) => {
            // One that was never made completely has a directory all the same.
            container::remove_remnant(&store, &id)?;
            return missing(&id, force);
        }
        Err(error) => return Err(error.into()),
    };
    for warning in container.delete(&store, force)? {
        session.log.warning(&warning.chain().join(": "));
    }
    Ok(0)
}

fn missing(id: &cofferdam_runtime::ContainerId, force: bool) -> Ended {
    if force { Ok(0) } else { Err(Failure::from(Error::Missing(id.clone()))) }
}
