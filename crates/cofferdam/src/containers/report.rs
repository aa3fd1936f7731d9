//! What a monitor tells the command that has started it.

use std::io::{BufRead as _, BufReader, Read};

use crate::error::CliError;

/// Longest report that is read, in bytes.
const LONGEST: u64 = 256 * 1024;

/// Whether the container runs and, if not, why.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    started: bool,
    code: u8,
    /// The error, its causes, the last one last.
    chain: Vec<String>,
    hints: Vec<String>,
}

impl Report {
    pub(crate) fn started() -> Self {
        Self { started: true, ..Self::default() }
    }

    /// The container could not be started.
    pub(crate) fn failed(error: &CliError) -> Self {
        let mut chain = vec![error.message().to_owned()];
        chain.extend_from_slice(error.causes());
        Self { started: false, code: error.exit_code(), chain, hints: error.hints().to_vec() }
    }

    /// Writes it as a line.
    pub(crate) fn write(&self, mut to: impl std::io::Write) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        to.write_all(&line)
    }

    /// Waits for the line; an error if the container does not run.
    pub(crate) fn read(from: impl Read) -> Result<(), CliError> {
        let mut line = Vec::new();
        BufReader::new(from.take(LONGEST)).read_until(b'\n', &mut line)?;
        let Ok(report) = serde_json::from_slice::<Self>(&line) else {
            return Err(CliError::new("could not keep the container: its monitor ended early"));
        };
        if report.started {
            return Ok(());
        }
        let mut chain = report.chain.into_iter();
        let first = chain.next().unwrap_or_else(|| "could not start the container".into());
        let error = CliError::new(first).because(chain).exit_with(report.code);
        Err(report.hints.into_iter().fold(error, CliError::hint))
    }
}

/// What the runtime has written of its failure, as an error: lines that begin with `error:`,
/// `caused by:` and `hint:`.
pub(crate) fn runtime_error(text: &str, code: u8) -> CliError {
    let of = |label: &'static str| {
        text.lines().filter_map(move |line| line.strip_prefix(label)).map(|l| l.trim().to_owned())
    };
    let first = of("error:").next();
    let first = first.unwrap_or_else(|| match text.lines().last() {
        Some(line) => format!("could not make the container: {}", line.trim()),
        None => "could not make the container: the runtime did not say why".into(),
    });
    let error = CliError::new(first).because(of("caused by:")).exit_with(code);
    of("hint:").fold(error, CliError::hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_way_from_the_monitor() {
        let text = "warning: a\nerror: could not x 'y'\ncaused by: z\nhint: do w\n";
        let error = runtime_error(text, 127);
        let mut line = Vec::new();
        Report::failed(&error).write(&mut line).unwrap();
        let read = Report::read(line.as_slice()).unwrap_err();
        assert_eq!(read.message(), "could not x 'y'");
        assert_eq!(
            (read.causes(), read.hints()),
            (&["z".to_owned()][..], &["do w".to_owned()][..])
        );
        assert_eq!(read.exit_code(), 127);
        line.clear();
        Report::started().write(&mut line).unwrap();
        assert!(Report::read(line.as_slice()).is_ok());
        for text in ["", "{}\n", "{\"started\":", "x\n"] {
            let error = Report::read(text.as_bytes()).unwrap_err();
            assert!(error.message().contains("monitor ended early"), "{text}");
        }
        assert!(runtime_error("", 125).message().contains("did not say why"));
        assert!(runtime_error("Killed\n", 125).message().contains("Killed"));
    }
}
