use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write},
    path::Path,
};

use cofferdam_finding::render::{Terminal, escape, write_json};

use crate::{cli::Color, error::CliError, output::Output, progress::Progress};

/// What is piped or written to a file need not fit a window.
const COLUMNS_OF_A_FILE: usize = 120;

/// The only place that writes to the user: data to stdout (or `-o FILE`), messages to stderr.
#[derive(Debug)]
pub(crate) struct Printer {
    output: Output,
    color: Color,
    to_file: bool,
    quiet: bool,
    verbose: bool,
}

impl Printer {
    /// A printer that writes data to `output`, or to stdout.
    pub(crate) fn new(
        color: Color,
        quiet: bool,
        verbose: bool,
        output: Option<&Path>,
    ) -> Result<Self, CliError> {
        let to_file = output.is_some();
        let output = output.map_or_else(|| Ok(Output::stdout()), Output::file)?;
        Ok(Self { output, color, to_file, quiet, verbose })
    }

    /// Where data is written to; buffered.
    pub(crate) fn data(&mut self) -> &mut impl Write {
        &mut self.output
    }

    /// Writes `value` as indented JSON and a newline.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) -> Result<(), CliError> {
        Ok(write_json(value, &mut self.output)?)
    }

    /// Whether data may have colours.
    pub(crate) fn data_has_color(&self) -> bool {
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !self.to_file && io::stdout().is_terminal(),
        }
    }

    /// What a form for people is laid out for: the terminal, or else `COLUMNS` or wide lines.
    pub(crate) fn terminal(&self) -> Terminal {
        let set = || std::env::var("COLUMNS").ok()?.parse().ok();
        let columns = self.window().or_else(set).unwrap_or(COLUMNS_OF_A_FILE);
        Terminal { columns, color: self.data_has_color() }
    }

    fn window(&self) -> Option<usize> {
        if self.to_file || !io::stdout().is_terminal() {
            return None;
        }
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
    }

    /// What was done, for people; `--quiet` drops it.
    pub(crate) fn message(&self, text: impl Display) {
        if !self.quiet {
            self.line("", &text);
        }
    }

    /// Detail that only `--verbose` shows.
    pub(crate) fn detail(&self, text: impl Display) {
        if self.verbose && !self.quiet {
            self.line("", &text);
        }
    }

    /// What speaks to the user from other threads.
    pub(crate) fn messages(&self) -> Messages {
        Messages { color: self.color, quiet: self.quiet, verbose: self.verbose }
    }

    /// Something that is wrong but does not end the command.
    pub(crate) fn warning(&self, text: impl Display) {
        self.line(&self.paint("1;33", "warning:"), &text);
    }

    /// What to do about it.
    pub(crate) fn hint(&self, text: impl Display) {
        self.line(&self.paint("1;36", "hint:"), &text);
    }

    /// An error with its causes and hints.
    pub(crate) fn error(&self, error: &CliError) {
        self.line(&self.paint("1;31", "error:"), &error.message());
        for cause in error.causes() {
            self.line(&self.paint("1", "caused by:"), &cause);
        }
        error.hints().iter().for_each(|hint| self.hint(hint));
    }

    /// What a container has written to its standard error, as it is.
    pub(crate) fn error_data(&self, bytes: &[u8]) {
        // Stderr may be closed; then nobody is listening.
        let _ = io::stderr().lock().write_all(bytes);
    }

    /// Progress of long work; shows nothing unless stderr is a terminal.
    pub(crate) fn progress(&self) -> Progress {
        Progress::new(!self.quiet && io::stderr().is_terminal())
    }

    /// Completes the data: flushed, the file of `-o` in place.
    pub(crate) fn finish(self) -> Result<(), CliError> {
        self.output.finish()
    }

    /// Gives up the data: the file of `-o` stays as it was.
    pub(crate) fn abandon(&mut self) {
        std::mem::replace(&mut self.output, Output::stdout()).abandon();
    }

    fn paint(&self, code: &str, text: &str) -> String {
        paint(self.color, code, text)
    }

    fn line(&self, label: &str, text: &dyn Display) {
        line(label, text);
    }
}

/// Messages of a service: they come from several threads, and data does not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Messages {
    color: Color,
    quiet: bool,
    verbose: bool,
}

impl Messages {
    /// What was done, for people; `--quiet` drops it.
    pub(crate) fn message(self, text: impl Display) {
        if !self.quiet {
            line("", &text);
        }
    }

    /// Detail that only `--verbose` shows.
    pub(crate) fn detail(self, text: impl Display) {
        if self.verbose && !self.quiet {
            line("", &text);
        }
    }

    /// Something that is wrong but does not end the service.
    pub(crate) fn warning(self, text: impl Display) {
        line(&paint(self.color, "1;33", "warning:"), &text);
    }
}

fn paint(color: Color, code: &str, text: &str) -> String {
    let is_colored = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => io::stderr().is_terminal(),
    };
    if is_colored { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Names in `text` may come out of an image or a feed: nothing of it steers the terminal.
/// Stderr may be closed; then nobody is listening.
fn line(label: &str, text: &dyn Display) {
    let text = text.to_string();
    let space = if label.is_empty() || text.is_empty() { "" } else { " " };
    let _ = writeln!(io::stderr().lock(), "{label}{space}{}", escape(&text));
}
