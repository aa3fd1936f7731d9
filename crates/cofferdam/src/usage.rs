//! Wrong usage, in the form that every other error has.

use std::{ffi::OsString, io::Write as _, process::ExitCode};

use clap::{
    CommandFactory as _,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    cli::{Cli, Color},
    error::CliError,
    nearest::nearest,
    printer::Printer,
    session,
};

/// Prints help and version to stdout, anything else as an error with hints.
pub(crate) fn report(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let Ok(mut printer) = Printer::new(color(arguments), false, false, None) else {
        return ExitCode::from(2);
    };
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let text = error.render();
        let _ = match printer.data_has_color() {
            true => write!(printer.data(), "{}", text.ansi()),
            false => write!(printer.data(), "{text}"),
        };
        return match printer.finish() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(2),
        };
    }
    let error = translate(error, arguments).exit_with(exit_code(arguments));
    printer.error(&error);
    ExitCode::from(error.exit_code())
}

/// Without a command there is nothing to do; the help says what there is.
pub(crate) fn no_command(command: &mut clap::Command, printer: &Printer) -> ExitCode {
    printer.error(&CliError::new("no command given"));
    printer.message("");
    command.render_help().to_string().lines().for_each(|line| printer.message(line));
    ExitCode::from(2)
}

/// `run`, `exec` and `sandbox` keep 0–124 for the program that they run.
fn exit_code(arguments: &[OsString]) -> u8 {
    let command =
        arguments.iter().skip(1).find(|argument| !argument.as_encoded_bytes().starts_with(b"-"));
    if command.is_some_and(|command| command == "run" || command == "exec") { 125 } else { 2 }
}

/// The arguments could not be parsed, but `--color` among them still counts.
fn color(arguments: &[OsString]) -> Color {
    let texts: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let given = texts.windows(2).find_map(|pair| match pair {
        ["--color", when] => Some(*when),
        [_, argument] => argument.strip_prefix("--color="),
        _ => None,
    });
    given
        .and_then(|when| <Color as clap::ValueEnum>::from_str(when, false).ok())
        .unwrap_or_else(session::fallback_color)
}

fn translate(error: &clap::Error, arguments: &[OsString]) -> CliError {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => Some(texts.join(", ")),
        Some(ContextValue::StyledStr(text)) => Some(text.to_string()),
        _ => None,
    };
    let first = |kind| match error.get(kind) {
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => text(kind),
    };
    let argument = text(ContextKind::InvalidArg).unwrap_or_default();
    let translated = match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let given = text(ContextKind::InvalidSubcommand).unwrap_or_default();
            did_you_mean(
                CliError::new(format!("unknown command '{given}'")),
                first(ContextKind::SuggestedSubcommand),
            )
        }
        ErrorKind::UnknownArgument => did_you_mean(
            CliError::new(format!("unexpected argument '{argument}'")),
            first(ContextKind::SuggestedArg),
        ),
        ErrorKind::InvalidValue => invalid_value(error, &argument),
        ErrorKind::ValueValidation => {
            let value = text(ContextKind::InvalidValue).unwrap_or_default();
            let wrong = CliError::new(format!("invalid value '{value}' for {argument}"));
            std::error::Error::source(error).into_iter().fold(wrong, CliError::caused_by)
        }
        ErrorKind::MissingRequiredArgument => CliError::new(format!("missing argument {argument}")),
        ErrorKind::MissingSubcommand => {
            let valid = text(ContextKind::ValidSubcommand).unwrap_or_default();
            CliError::new("no command given").hint(format!("one of {valid}"))
        }
        ErrorKind::ArgumentConflict => {
            let other = text(ContextKind::PriorArg).unwrap_or_default();
            CliError::new(format!("'{argument}' cannot be used together with '{other}'"))
        }
        _ => CliError::new(first_line(error)),
    };
    translated.hint(help_hint(arguments))
}

fn invalid_value(error: &clap::Error, argument: &str) -> CliError {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return CliError::new(first_line(error));
    };
    if value.is_empty() {
        return CliError::new(format!("{argument} needs a value"));
    }
    let wrong = CliError::new(format!("invalid value '{value}' for {argument}"));
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
            let nearest = nearest(value, valid.iter().map(String::as_str)).map(str::to_owned);
            did_you_mean(wrong, nearest).hint(format!("one of {}", valid.join(", ")))
        }
        _ => wrong,
    }
}

fn did_you_mean(error: CliError, suggestion: Option<String>) -> CliError {
    match suggestion {
        Some(suggestion) => error.hint(format!("did you mean '{suggestion}'")),
        None => error,
    }
}

/// What clap says, without its prefix, tips and usage.
fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// Names the help of the command that the arguments lead to.
fn help_hint(arguments: &[OsString]) -> String {
    let grammar = Cli::command();
    let mut command = &grammar;
    let mut name = command.get_name().to_owned();
    for argument in arguments.iter().skip(1) {
        if let Some(next) = command.find_subcommand(argument) {
            command = next;
            name = format!("{name} {}", command.get_name());
        }
    }
    format!("{name} --help shows the usage")
}
