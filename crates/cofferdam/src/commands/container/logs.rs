use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
    time::Duration,
};

use cofferdam_finding::render::escape;
use cofferdam_runtime::{
    ContainerId, clock,
    record::log::{Line, Reader, Stream, parse},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify,
};

use super::ago;
use crate::{
    commands::run::seconds,
    containers::{self, Found},
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// How often it is looked whether a container has ended, whatever else happens.
const GLANCE: Duration = Duration::from_millis(500);

/// Show what a container has written
#[derive(Debug, clap::Args)]
#[command(after_help = "\
What went to standard error comes out there. On a terminal, characters that would steer it are shown
as what they are; --raw leaves them.

Examples:
  cofferdam logs web
  cofferdam logs --follow --tail 20 web
  cofferdam logs --timestamps --since 10m web")]
pub(crate) struct Args {
    /// Which container
    name: ContainerId,
    /// Go on with what it writes, until it has ended
    #[arg(short, long)]
    follow: bool,
    /// Show the last lines only
    #[arg(short = 'n', long, value_name = "COUNT")]
    tail: Option<u64>,
    /// Show what was written since a time (RFC 3339, UTC) or so long ago, such as 10m
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<String>,
    /// Show when each line was written
    #[arg(short, long)]
    timestamps: bool,
    /// Leave characters that steer a terminal
    #[arg(long)]
    raw: bool,
}

/// A time as the log has it.
fn since(text: &str) -> Result<String, String> {
    let from = |seconds: u64| clock::rfc3339(seconds, 0);
    if let Ok(ago) = seconds(text) {
        return Ok(from(clock::seconds().saturating_sub(ago)));
    }
    let wrong = || "a time such as 10m or 2026-01-31T12:00:00Z is wanted".to_owned();
    let time = ago::parse(text).ok_or_else(wrong)?;
    u64::try_from(time.unix_timestamp()).map(from).map_err(|_| wrong())
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let mut found = containers::find(&args.name)?;
    if !found.record.detached {
        return Err(CliError::new(format!("could not show the log of '{}'", args.name))
            .because(["it runs in the foreground, where its output goes by itself".into()]));
    }
    let attempt = || format!("could not read the log of '{}'", args.name);
    let mut watch = Watch::new(&found, args.follow).or_fail(attempt)?;
    let mut reader = Reader::open(&found.folder).or_fail(attempt)?;
    let mut left_out = match args.tail {
        Some(tail) => count(args, &found).or_fail(attempt)?.saturating_sub(tail),
        None => 0,
    };
    let mut view = View::new(args);
    loop {
        while let Some(line) = reader.next_line().or_fail(attempt)? {
            let Some(line) = parse(&line).filter(|line| is_wanted(args, line)) else { continue };
            if left_out > 0 {
                left_out -= u64::from(line.complete);
                continue;
            }
            view.show(&line, session)?;
        }
        session.printer.data().flush()?;
        // Looked at before the log is, so that nothing written last is missed.
        if !args.follow || watch.has_ended {
            return Ok(ExitCode::SUCCESS);
        }
        watch.wait(&mut found)?;
    }
}

fn is_wanted(args: &Args, line: &Line<'_>) -> bool {
    args.since.as_ref().is_none_or(|since| line.time >= since.as_str())
}

/// How many lines there are; parts of one count as one.
fn count(args: &Args, found: &Found) -> std::io::Result<u64> {
    let mut reader = Reader::open(&found.folder)?;
    let (mut count, mut open) = (0, false);
    while let Some(line) = reader.next_line()? {
        if let Some(line) = parse(&line).filter(|line| is_wanted(args, line)) {
            count += u64::from(line.complete);
            open = !line.complete;
        }
    }
    Ok(count + u64::from(open))
}

/// Tells when there may be more.
struct Watch {
    changes: Option<std::os::fd::OwnedFd>,
    has_ended: bool,
}

impl Watch {
    fn new(found: &Found, follow: bool) -> std::io::Result<Self> {
        let changes = if follow {
            let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
            let changes = inotify::init(flags)?;
            let what = inotify::WatchFlags::MODIFY | inotify::WatchFlags::MOVED_TO;
            inotify::add_watch(&changes, found.folder.path(), what)?;
            Some(changes)
        } else {
            None
        };
        Ok(Self { changes, has_ended: false })
    }

    fn wait(&mut self, found: &mut Found) -> Result<(), CliError> {
        let Some(changes) = &self.changes else { return Ok(()) };
        let glance = Timespec::try_from(GLANCE).ok();
        let _ = poll(&mut [PollFd::new(changes, PollFlags::IN)], glance.as_ref());
        // What has changed does not matter; it must only not be told again.
        let mut buffer = [0; 4096];
        while rustix::io::read(changes, &mut buffer).is_ok_and(|length| length > 0) {}
        found.look_again()?;
        self.has_ended = !found.standing()?.is_alive() || !found.is_kept()?;
        Ok(())
    }
}

/// How lines are shown.
struct View {
    timestamps: bool,
    escaped: [bool; 2],
    /// Whether the line that each stream is at has begun.
    begun: [bool; 2],
}

impl View {
    fn new(args: &Args) -> Self {
        let escaped = |terminal: bool| terminal && !args.raw;
        Self {
            timestamps: args.timestamps,
            escaped: [
                escaped(std::io::stdout().is_terminal()),
                escaped(std::io::stderr().is_terminal()),
            ],
            begun: [false, false],
        }
    }

    fn show(&mut self, line: &Line<'_>, session: &mut Session) -> Result<(), CliError> {
        let index = line.stream as usize;
        let mut text = Vec::new();
        if self.timestamps && !self.begun[index] {
            text.extend_from_slice(line.time.as_bytes());
            text.push(b' ');
        }
        if self.escaped[index] {
            text.extend_from_slice(escape(&String::from_utf8_lossy(line.text)).as_bytes());
        } else {
            text.extend_from_slice(line.text);
        }
        if line.complete {
            text.push(b'\n');
        }
        self.begun[index] = !line.complete;
        match line.stream {
            Stream::Output => session.printer.data().write_all(&text)?,
            Stream::Error => session.printer.error_data(&text),
        }
        Ok(())
    }
}
