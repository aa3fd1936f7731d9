mod joined;
mod keys;

use std::process::ExitCode;

use cofferdam_runtime::ContainerId;
use cofferdam_sys::signal;
use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
    process::Signal,
    termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr},
};

use cofferdam_runtime::record::{attach::Frame, log::Stream};

pub(super) use self::joined::Joined;
use self::keys::{Keys, Typed};
use crate::{
    containers::{self, Found},
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// Join the input and output of a container that runs in the background
///
/// It ends with the container's exit code. On a terminal, ctrl-p ctrl-q leaves the container alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam container attach web
  cofferdam container attach --no-stdin web
  cofferdam container attach --detach-keys ctrl-a,d shell")]
pub(crate) struct Args {
    /// Which container
    name: ContainerId,
    /// Pass no input on
    #[arg(long)]
    no_stdin: bool,
    /// Keys that leave the container, one after the other; an empty text is none
    #[arg(long, value_name = "KEYS", default_value = "ctrl-p,ctrl-q")]
    detach_keys: Keys,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    attach(args, session).map_err(|error| match error.exit_code() {
        2 => error.exit_with(125),
        _ => error,
    })
}

fn attach(args: &Args, session: &mut Session) -> Ended {
    let found = containers::find(&args.name)?;
    found.running("join")?;
    if !found.record.detached {
        return Err(CliError::new(format!("could not join '{}'", args.name))
            .because(["it runs in the foreground, on another terminal".into()]));
    }
    let mut joined = Joined::join(&found, true)?.ok_or_else(|| {
        CliError::new(format!("could not join '{}': its monitor is gone", args.name))
    })?;
    let attempt = || format!("could not stay with '{}'", args.name);
    let signals = signal::Set::all_but_faults();
    let before = signals.block().map_err(std::io::Error::from).or_fail(attempt)?;
    let queue = signal::Queue::new(&signals).map_err(std::io::Error::from).or_fail(attempt)?;
    let screen = Screen::take(found.record.terminal);
    let ended = follow(args, &found, &mut joined, &queue, &screen, session);
    drop(screen);
    // Whoever waits for this program's end by a signal gets it now.
    before.set_as_mask().map_err(std::io::Error::from).or_fail(attempt)?;
    ended
}

fn follow(
    args: &Args,
    found: &Found,
    joined: &mut Joined,
    queue: &signal::Queue,
    screen: &Screen,
    session: &mut Session,
) -> Ended {
    let attempt = || format!("could not stay with '{}'", args.name);
    let stdin = rustix::stdio::stdin();
    let mut input_open = !args.no_stdin;
    let mut keys = args.detach_keys.clone();
    if screen.is_taken() {
        resize(joined);
    }
    loop {
        let reads = input_open && !joined.has_pending();
        let mut watched =
            vec![PollFd::new(queue, PollFlags::IN), PollFd::new(&*joined, joined.events())];
        if reads {
            watched.push(PollFd::new(&stdin, PollFlags::IN));
        }
        match poll(&mut watched, None) {
            Err(Errno::INTR) => continue,
            result => result.map_err(std::io::Error::from).or_fail(attempt)?,
        };
        let typed = reads && !watched[2].revents().is_empty();
        drop(watched);
        joined.write();
        let (frames, open) = joined.read();
        for frame in frames {
            match frame {
                Frame::Output(stream, bytes) => show(stream, &bytes, session)?,
                Frame::Ended(code) => return Ok(ExitCode::from(code)),
                _ => {}
            }
        }
        if !open {
            return Err(CliError::new(attempt()).because(["its monitor has gone".into()]));
        }
        if typed {
            let mut bytes = [0; 16 * 1024];
            let length = rustix::io::read(stdin, &mut bytes).unwrap_or(0);
            if length == 0 {
                input_open = false;
                joined.send(&Frame::InputEnd);
            } else if screen.is_taken() {
                match keys.take(&bytes[..length]) {
                    Typed::Leave => {
                        session.printer.message(format_args!("left {} alone", args.name));
                        return Ok(ExitCode::SUCCESS);
                    }
                    Typed::Bytes(bytes) => joined.send(&Frame::Input(bytes)),
                }
            } else {
                joined.send(&Frame::Input(bytes[..length].to_vec()));
            }
        }
        while let Some(arrived) = queue.next().map_err(std::io::Error::from).or_fail(attempt)? {
            match arrived.signal {
                Signal::WINCH if screen.is_taken() => resize(joined),
                Signal::WINCH | Signal::CHILD | Signal::PIPE | Signal::CONT => {}
                Signal::TTIN | Signal::TTOU => {}
                // The container is in no process group of the terminal's: it gets what this gets.
                signal => pass_on(found, signal)?,
            }
        }
    }
}

fn pass_on(found: &Found, signal: Signal) -> Result<(), CliError> {
    match found.container()?.map(|container| container.kill(signal.as_raw(), false)) {
        // It is on its end, of which there will be word.
        None | Some(Ok(()) | Err(cofferdam_runtime::Error::Refused { .. })) => Ok(()),
        Some(Err(error)) => Err(error.into()),
    }
}

fn resize(joined: &mut Joined) {
    if let Ok(size) = tcgetwinsize(rustix::stdio::stdin()) {
        joined.send(&Frame::Size { rows: size.ws_row, columns: size.ws_col });
    }
}

fn show(stream: Stream, bytes: &[u8], session: &mut Session) -> Result<(), CliError> {
    use std::io::Write as _;
    match stream {
        Stream::Output => {
            session.printer.data().write_all(bytes)?;
            session.printer.data().flush()?;
        }
        Stream::Error => session.printer.error_data(bytes),
    }
    Ok(())
}

/// This program's terminal, which passes every key on while this exists.
struct Screen {
    before: Option<Termios>,
}

impl Screen {
    /// Takes it if the container has a terminal, and this program has one.
    fn take(terminal: bool) -> Self {
        let stdin = rustix::stdio::stdin();
        let before = (terminal && isatty(stdin)).then(|| tcgetattr(stdin).ok()).flatten();
        if let Some(before) = &before {
            let mut raw = before.clone();
            raw.make_raw();
            // A terminal that stays as it is echoes twice, which is no reason to fail.
            let _ = tcsetattr(stdin, OptionalActions::Now, &raw);
        }
        Self { before }
    }

    const fn is_taken(&self) -> bool {
        self.before.is_some()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before);
        }
    }
}
