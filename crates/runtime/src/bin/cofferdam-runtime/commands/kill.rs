//! `kill`: sends a signal to a container.

use cofferdam_sys::signal;

use super::Command;
use crate::{
    arguments::{Given, as_text, flag},
    session::{Ended, Session, at_most, id},
};

pub(super) const COMMAND: Command = Command {
    name: "kill",
    summary: "send a signal to a container",
    help: "\
kill [OPTIONS] ID [SIGNAL]

  --all, -a   to every process of the container, and no error if it has stopped

SIGNAL is a name, with or without SIG, or a number; TERM if none is given.
",
    options: &[flag("all").or('a')],
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run,
};

fn run(given: &Given, session: &Session) -> Ended {
    at_most(given, 2)?;
    let (_, container) = session.find(&id(given)?)?;
    let text = given.words.get(1).map_or(Ok("TERM"), |word| as_text(word))?;
    let number =
        signal::number(text).ok_or_else(|| format!("could not understand the signal '{text}'"))?;
    container.kill(number, given.is_set("all"))?;
    Ok(0)
}
