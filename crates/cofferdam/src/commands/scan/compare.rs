//! Earlier reports: as a baseline, and to say what has changed since.

use std::{
    fs::File,
    io::{self, Read as _, Write},
    path::Path,
};

use cofferdam_finding::{Change, Diff, Report, SCHEMA_VERSION, render::escape};
use serde::Serialize;

use super::form::Form;
use crate::{
    error::{CliError, OrFail as _},
    session::Session,
};

/// Bytes of an earlier report: hundreds of thousands of findings.
const LONGEST_REPORT: u64 = 256 << 20;

/// Reads a report that `--format json` has written.
pub(super) fn read(path: &Path) -> Result<Report, CliError> {
    let attempt = || format!("could not read report '{}'", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).or_fail(attempt)?;
    file.take(LONGEST_REPORT + 1).read_to_end(&mut bytes).or_fail(attempt)?;
    if bytes.len() as u64 > LONGEST_REPORT {
        let message = format!("it has more than {LONGEST_REPORT} bytes");
        return Err(CliError::new(message)).or_fail(attempt);
    }
    let report: Report = serde_json::from_slice(&bytes)
        .or_fail(attempt)
        .hint("a report is what 'cofferdam scan --format json' writes")?;
    if report.schema_version == 0 || report.schema_version > SCHEMA_VERSION {
        let message = format!("it has schema version {}", report.schema_version);
        return Err(CliError::new(message))
            .or_fail(attempt)
            .hint("it was made by a newer Cofferdam; use that one");
    }
    Ok(report)
}

#[derive(Serialize)]
struct Written<'a> {
    schema_version: u32,
    #[serde(flatten)]
    diff: &'a Diff,
}

/// Writes what has changed.
pub(super) fn write(diff: &Diff, form: Form, session: &mut Session) -> Result<(), CliError> {
    match form {
        Form::Table => table(diff, session.printer.data())?,
        Form::Json => session.printer.json(&Written { schema_version: 1, diff })?,
        _ => {
            return Err(CliError::new("could not write a difference in that format")
                .hint("--diff is written as table or json"));
        }
    }
    Ok(())
}

fn table(diff: &Diff, out: &mut impl Write) -> io::Result<()> {
    for (title, changes) in [("New", &diff.new), ("Gone", &diff.gone)] {
        if changes.is_empty() {
            continue;
        }
        writeln!(out, "{title} ({})", changes.len())?;
        for change in changes {
            let Change { rule, subject, severity, cause, why, .. } = change;
            let [rule, subject, why] = [rule, subject, why].map(|text| escape(text));
            writeln!(out, "  {severity:<8}  {rule:<20}  {subject}  {}: {why}", cause.name())?;
        }
        writeln!(out)?;
    }
    let Diff { new, gone, unchanged } = diff;
    writeln!(out, "{} new, {} gone, {} unchanged", new.len(), gone.len(), unchanged.len())
}
