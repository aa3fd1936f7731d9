//! `events`: what a container uses, once or at intervals, and when its memory has run out.

use std::{
    io::Write,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use cofferdam_runtime::{cgroup::Shortage, container::Container};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use serde_json::Value;

use super::Command;
use crate::{
    arguments::{Given, flag, value},
    session::{Ended, Failure, Session, only_id},
};

pub(super) const COMMAND: Command = Command {
    name: "events",
    summary: "tell what a container uses and when memory has run out, as JSON",
    help: "\
events [OPTIONS] ID

  --stats               what it uses now, and no more
  --interval DURATION   such as 5s (the default), 500ms or 1m

A line is an event: of type 'stats' at intervals, of type 'oom' when a process of it was, or had to
be, killed for lack of memory. It ends with the container.
",
    options: &[flag("stats"), value("interval")],
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run,
};

fn run(given: &Given, session: &Session) -> Ended {
    let interval = given.text("interval")?.unwrap_or("5s");
    let interval = duration(interval).ok_or_else(|| {
        format!("could not use '{interval}' for --interval: such as 500ms, 5s or 1m is wanted")
    })?;
    let (_, container) = session.find(&only_id(given)?)?;
    let init = container.state().init.map(|init| init.open()).transpose();
    let init =
        init.map_err(|error| format!("could not look at the container's process: {error}"))?;
    let Some(init) = init.flatten() else {
        return Err(Failure::from(format!(
            "could not tell what container '{}' uses: container not running",
            container.id()
        )));
    };
    let mut shortage =
        if given.is_set("stats") { None } else { container.group().watch_memory()? };
    let usage = || event("stats", &container, Some(&container.group().statistics()));
    if !tell(&usage())? || given.is_set("stats") {
        return Ok(0);
    }
    let mut next = Instant::now() + interval;
    loop {
        let ended = wait(&init, shortage.as_ref(), next)
            .map_err(|error| format!("could not wait for the container's events: {error}"))?;
        let happened = shortage.as_mut().map_or(Ok(false), Shortage::happened);
        let happened =
            happened.map_err(|error| format!("could not read the container's events: {error}"))?;
        if happened && !tell(&event("oom", &container, None))? {
            return Ok(0);
        }
        if ended {
            return Ok(0);
        }
        if Instant::now() >= next {
            if !tell(&usage())? {
                return Ok(0);
            }
            next = Instant::now() + interval;
        }
    }
}

/// Waits for a shortage of memory, the container's end, which it tells, or until `until`.
fn wait(init: &OwnedFd, shortage: Option<&Shortage>, until: Instant) -> rustix::io::Result<bool> {
    let mut watched = vec![PollFd::new(init, PollFlags::IN)];
    if let Some(shortage) = shortage {
        watched.push(PollFd::new(shortage, shortage.flags()));
    }
    let left = until.saturating_duration_since(Instant::now());
    match poll(&mut watched, Timespec::try_from(left).ok().as_ref()) {
        Ok(_) => Ok(!watched[0].revents().is_empty()),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A line, its fields in runc's order; a container's name needs no escapes.
fn event(kind: &str, container: &Container, data: Option<&Value>) -> String {
    let data = data.map(|data| format!(r#","data":{data}"#)).unwrap_or_default();
    format!(r#"{{"type":"{kind}","id":"{}"{data}}}"#, container.id())
}

/// Tells of an event; false if nobody listens any more.
fn tell(event: &str) -> Result<bool, Failure> {
    match writeln!(std::io::stdout(), "{event}") {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(format!("could not write to standard output: {error}").into()),
    }
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
