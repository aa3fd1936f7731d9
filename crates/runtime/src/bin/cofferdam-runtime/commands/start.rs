//! `start`: lets the program of a container run that was made before.

use super::Command;
use crate::{
    arguments::Given,
    session::{Ended, Session, only_id},
};

pub(super) const COMMAND: Command = Command {
    name: "start",
    summary: "let the program of a made container run",
    help: "start ID\n",
    options: &[],
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run,
};

fn run(given: &Given, session: &Session) -> Ended {
    let (_, container) = session.find(&only_id(given)?)?;
    container.start()?;
    Ok(0)
}
