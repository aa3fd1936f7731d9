//! `state`: where in its life a container is, as JSON.

use super::Command;
use crate::{
    arguments::Given,
    session::{Ended, Session, only_id, print},
};

pub(super) const COMMAND: Command = Command {
    name: "state",
    summary: "tell where in its life a container is, as JSON",
    help: "state ID\n",
    options: &[],
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run,
};

fn run(given: &Given, session: &Session) -> Ended {
    let (_, container) = session.find(&only_id(given)?)?;
    let summary = container.summary()?;
    let json = serde_json::to_string_pretty(&summary).map_err(|error| error.to_string())?;
    print(&format!("{json}\n"))
}
