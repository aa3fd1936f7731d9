use std::{ffi::OsString, io::Write as _, process::ExitCode};

use clap::{CommandFactory as _, Parser as _, ValueEnum as _};
use cofferdam_finding::ExitStatus;

use crate::{
    cli::{Cli, Color, Command},
    commands,
    error::CliError,
    printer::Printer,
    settings::{self, Settings},
    usage,
};

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) settings: Settings,
    pub(crate) printer: Printer,
}

impl Session {
    /// Whether the network must not be used.
    pub(crate) fn offline(&self) -> bool {
        self.settings.is_on("offline")
    }
}

/// How a command that could do its work ends.
pub(crate) type Ended = Result<ExitCode, CliError>;

/// The exit code that `status` stands for.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    ExitCode::from(status.code())
}

/// Parses, configures, runs; prints the error if there is one.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error, &arguments),
    };
    match start(cli) {
        Ok(code) => code,
        Err(error) => fail(&error, fallback_color()),
    }
}

fn start(cli: Cli) -> Ended {
    let mut flags = settings::overrides(&cli.global);
    if let Some(Command::Scan(args)) = &cli.command {
        flags.extend(args.overrides());
    }
    if let Some(Command::Run(args)) = &cli.command {
        flags.extend(args.network.overrides());
    }
    let settings = Settings::load(flags)?;
    let color = color(&settings);
    let (quiet, verbose) = (settings.is_on("quiet"), settings.is_on("verbose"));
    let printer = Printer::new(color, quiet, verbose, cli.global.output.as_deref())?;
    let mut session = Session { settings, printer };
    for unknown in &session.settings.unknown_variables {
        session.printer.warning(unknown);
    }
    let ended = match cli.command {
        _ if cli.global.show_config => show_config(&mut session),
        Some(command) => commands::run(command, &mut session),
        None => Ok(usage::no_command(&mut Cli::command(), &session.printer)),
    };
    finish(session, ended)
}

/// Data counts as written only when it is complete.
fn finish(mut session: Session, ended: Ended) -> Ended {
    let color = color(&session.settings);
    let ended = match ended {
        Ok(code) => session.printer.finish().map(|()| code),
        Err(error) => {
            session.printer.abandon();
            Err(error)
        }
    };
    Ok(ended.unwrap_or_else(|error| fail(&error, color)))
}

fn fail(error: &CliError, color: Color) -> ExitCode {
    if let Ok(printer) = Printer::new(color, false, false, None) {
        printer.error(error);
    }
    ExitCode::from(error.exit_code())
}

fn color(settings: &Settings) -> Color {
    let set = settings.text("color").and_then(|text| Color::from_str(text, false).ok());
    set.unwrap_or_else(fallback_color)
}

/// As <https://no-color.org> asks: a variable that is present and not empty.
pub(crate) fn fallback_color() -> Color {
    match std::env::var_os("NO_COLOR") {
        Some(value) if !value.is_empty() => Color::Never,
        _ => Color::Auto,
    }
}

fn show_config(session: &mut Session) -> Ended {
    let lines = session.settings.lines();
    let width = lines.iter().map(|line| line.value.chars().count()).max().unwrap_or_default();
    for line in lines {
        if session.settings.is_on("verbose") {
            writeln!(session.printer.data(), "# {}", line.meaning)?;
        }
        let (name, value, origin) = (line.name, line.value, line.origin);
        writeln!(session.printer.data(), "{name:<16} {value:<width$}  {origin}")?;
    }
    Ok(ExitCode::SUCCESS)
}
