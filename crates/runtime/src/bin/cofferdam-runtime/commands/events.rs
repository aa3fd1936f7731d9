//! `events`: what a container uses, once or at intervals.

use std::time::Duration;

use cofferdam_runtime::{container::Container, state::Status};
use serde_json::json;

use super::Command;
use crate::{
    arguments::{Given, flag, value},
    session::{Ended, Failure, Session, only_id, print},
};

pub(super) const COMMAND: Command = Command {
    name: "events",
    summary: "tell what a container uses, as JSON",
    help: "\
events [OPTIONS] ID

  --stats               once, and not again at intervals
  --interval DURATION   such as 5s (the default), 500ms or 1m

It ends with the container. Events of memory shortage are not told yet.
",
    options: &[flag("stats"), value("interval")],
    stop: usize::MAX,
    passes_code_on: false,
    run,
};

fn run(given: &Given, session: &Session) -> Ended {
    let interval = given.text("interval")?.unwrap_or("5s");
    let interval = duration(interval).ok_or_else(|| {
        format!("could not use '{interval}' for --interval: such as 500ms, 5s or 1m is wanted")
    })?;
    let (_, container) = session.find(&only_id(given)?)?;
    if container.status()? == Status::Stopped {
        return Err(Failure::from(format!(
            "could not tell what container '{}' uses: container not running",
            container.id()
        )));
    }
    tell(&container)?;
    if given.is_set("stats") {
        return Ok(0);
    }
    loop {
        std::thread::sleep(interval);
        if container.status()? == Status::Stopped {
            return Ok(0);
        }
        tell(&container)?;
    }
}

fn tell(container: &Container) -> Result<(), Failure> {
    let event = json!({
        "type": "stats",
        "id": container.id().as_str(),
        "data": container.group().statistics(),
    });
    print(&format!("{event}\n")).map(drop)
}

/// A number and its unit, more than nothing.
fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..split].parse().ok().filter(|number| *number > 0)?;
    match &text[split..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" | "" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_units() {
        for (text, wanted) in [
            ("5s", Some(5000)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("0s", None),
            ("s", None),
            ("-1s", None),
            ("1d", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(duration(text).map(|d| d.as_millis()), wanted, "{text}");
        }
    }
}
