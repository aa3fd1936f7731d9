//! The small static binary that makes, starts and ends containers: runc's command line.
//!
//! One file a command; [`arguments`] reads the command line, [`log`] tells what went wrong.

mod arguments;
mod commands;
mod log;
mod session;

use std::{ffi::OsString, io::Write, process::ExitCode};

use arguments::{GLOBAL, Given};
use commands::{COMMANDS, Command};
use log::Log;
use session::{Failure, Session};

/// What goes wrong before anything is done, as runc has it.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let mut given = Given::default();
    let understood = understand(&mut given, &mut arguments);
    let log = log_of(&given);
    match understood {
        Ok(What::Print(text)) => print(&text),
        Ok(What::Run(command)) => run(command, &given, log),
        Err(what) => {
            log.error(&[what], None);
            let _ = std::io::stderr()
                .write_all(b"hint: 'cofferdam-runtime --help' lists commands and options\n");
            ExitCode::from(FAILED)
        }
    }
}

enum What {
    Print(String),
    Run(&'static Command),
}

/// Reads the whole command line; what was read stays in `given`, whatever the result.
fn understand(
    given: &mut Given,
    arguments: &mut dyn Iterator<Item = OsString>,
) -> Result<What, String> {
    const VERSION: &[arguments::Known] = &[arguments::flag("version").or('v')];
    let mut first: Vec<OsString> = Vec::new();
    given.read(&[GLOBAL, VERSION], 1, arguments)?;
    if given.is_set("version") {
        return Ok(What::Print(version()));
    }
    std::mem::swap(&mut first, &mut given.words);
    let mut rest = first.into_iter();
    let Some(name) = rest.next() else {
        return if given.is_set("help") {
            Ok(What::Print(commands::usage()))
        } else {
            Err("no command is given".into())
        };
    };
    if name == "help" {
        return Ok(What::Print(commands::usage()));
    }
    if name == "version" {
        return Ok(What::Print(version()));
    }
    let command = COMMANDS.iter().find(|command| name == command.name);
    let unknown = || {
        // In runc's words at the end.
        let name = name.display();
        format!("could not understand the command '{name}': No help topic for '{name}'")
    };
    let command = command.ok_or_else(unknown)?;
    given.read(&[command.options, GLOBAL], command.stop, &mut rest)?;
    Ok(if given.is_set("help") { What::Print(command.help()) } else { What::Run(command) })
}

fn version() -> String {
    let spec = cofferdam_oci::runtime::VERSION;
    format!("cofferdam-runtime {}\nspec: {spec}\n", env!("CARGO_PKG_VERSION"))
}

fn log_of(given: &Given) -> Log {
    let format = given.text("log-format").ok().flatten();
    match Log::new(given.value("log").map(OsString::from), format) {
        Ok(log) => log,
        Err(what) => {
            let log = Log::default();
            log.warning(&what);
            log
        }
    }
}

fn run(command: &Command, given: &Given, log: Log) -> ExitCode {
    let ended = Session::new(given, log).and_then(|session| {
        let ended = (command.run)(given, &session);
        ended.map_err(|failure| (session.log, failure))
    });
    match ended {
        Ok(code) => ExitCode::from(code),
        Err((log, Failure { chain, code, hint })) => {
            log.error(&chain, hint);
            let as_podman = given.value("exit-codes").is_some_and(|whose| whose == "podman");
            ExitCode::from(if as_podman && command.passes_code_on { code } else { command.failed })
        }
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(FAILED),
    }
}
