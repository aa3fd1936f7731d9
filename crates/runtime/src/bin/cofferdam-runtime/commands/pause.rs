//! `pause` and `resume`: freeze a container's processes, and let them go on.

use super::Command;
use crate::{
    arguments::Given,
    session::{Ended, Session, only_id},
};

pub(super) const PAUSE: Command = Command {
    name: "pause",
    summary: "freeze a container's processes",
    help: "pause ID\n",
    options: &[],
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run: pause,
};

pub(super) const RESUME: Command = Command {
    name: "resume",
    summary: "let a frozen container's processes go on",
    help: "resume ID\n",
    options: &[],
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run: resume,
};

fn pause(given: &Given, session: &Session) -> Ended {
    session.find(&only_id(given)?)?.1.pause()?;
    Ok(0)
}

fn resume(given: &Given, session: &Session) -> Ended {
    session.find(&only_id(given)?)?.1.resume()?;
    Ok(0)
}
