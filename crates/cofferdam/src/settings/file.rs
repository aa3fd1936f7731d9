//! Reading one configuration file.

use std::path::{Path, PathBuf};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{DEFINITIONS, Definition, Kind, user_directory};
use crate::{
    error::{CliError, OrFail as _},
    nearest::nearest,
};

const NAME: &str = "cofferdam.toml";

/// More than any configuration needs; a file that is longer is not one.
const LONGEST: u64 = 1 << 20;

/// A value in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) line: usize,
}

/// The files that may exist, the weakest first, and whether each is the user's or the system's own
/// rather than the current directory's.
pub(super) fn candidates() -> Vec<(PathBuf, bool)> {
    let mut files = vec![(Path::new("/etc/cofferdam").join(NAME), true)];
    if let Some(directory) = user_directory("XDG_CONFIG_HOME", ".config") {
        files.push((directory.join("cofferdam").join(NAME), true));
    }
    files.push((PathBuf::from(NAME), false));
    files
}

/// What the file sets; nothing if there is none.
pub(super) fn read(path: &Path, trusted: bool) -> Result<Vec<Found>, CliError> {
    let attempt = || format!("could not read configuration '{}'", path.display());
    let metadata = match std::fs::metadata(path) {
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        metadata => metadata.or_fail(attempt)?,
    };
    if !metadata.is_file() || metadata.len() > LONGEST {
        return Err(CliError::new(attempt()).hint("it has to be a regular file of at most 1 MiB"));
    }
    let text = std::fs::read_to_string(path).or_fail(attempt)?;
    let mut found = parse(&text, trusted).or_fail(attempt)?;
    let directory = path.parent().unwrap_or(Path::new(""));
    for value in &mut found {
        let joined = |text: &str| directory.join(text).display().to_string();
        match kind(value.name) {
            Some(Kind::Path) => value.text = joined(&value.text),
            Some(Kind::Paths) => {
                let paths: Vec<String> =
                    value.text.split(',').map(|text| joined(text.trim())).collect();
                value.text = paths.join(",");
            }
            _ => {}
        }
    }
    Ok(found)
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

fn kind(name: &str) -> Option<Kind> {
    DEFINITIONS.iter().find(|definition| definition.name == name).map(|found| found.kind)
}

fn parse(text: &str, trusted: bool) -> Result<Vec<Found>, CliError> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        CliError::new(format!("line {line}: {}", error.message()))
    })?;
    let mut found = Vec::new();
    collect(table.get_ref(), "", text, trusted, &mut found)?;
    Ok(found)
}

fn collect(
    table: &DeTable<'_>,
    prefix: &str,
    text: &str,
    trusted: bool,
    found: &mut Vec<Found>,
) -> Result<(), CliError> {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        let line = line_of(text, key.span().start);
        let is_section = DEFINITIONS.iter().any(|d| d.name.starts_with(&format!("{name}.")));
        if let (true, DeValue::Table(inner)) = (is_section, value.get_ref()) {
            collect(inner, &format!("{name}."), text, trusted, found)?;
            continue;
        }
        let definition = DEFINITIONS
            .iter()
            .find(|definition| definition.name == name)
            .ok_or_else(|| unknown(&name, line))?;
        if !trusted && !definition.project {
            return Err(CliError::new(format!(
                "line {line}: '{name}' may not be set by the current directory"
            ))
            .hint("set it in your own or the system's configuration, or by a flag"));
        }
        let text = scalar(definition, value, line)?;
        found.push(Found { name: definition.name, text, line });
    }
    Ok(())
}

fn scalar(
    definition: &Definition,
    value: &Spanned<DeValue<'_>>,
    line: usize,
) -> Result<String, CliError> {
    let text = match (definition.kind, value.get_ref()) {
        (Kind::Switch, DeValue::Boolean(on)) => Ok(on.to_string()),
        (Kind::Switch, _) => Err("true or false, without quotes".to_owned()),
        (kind, DeValue::String(text)) => kind.check(text).map(|()| text.to_string()),
        _ => Err("a text in quotes".to_owned()),
    };
    text.map_err(|wanted| CliError::new(format!("line {line}: '{}' is {wanted}", definition.name)))
}

fn unknown(name: &str, line: usize) -> CliError {
    let error = CliError::new(format!("line {line}: unknown key '{name}'"));
    match nearest(name, DEFINITIONS.iter().map(|definition| definition.name)) {
        Some(nearest) => error.hint(format!("did you mean '{nearest}'")),
        None => error.hint("cofferdam --show-config lists the keys"),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_tables_and_lines() {
        let found = parse("offline = true\n\n[scan]\nfail-on = \"high\"\n", false).unwrap();
        assert_eq!(
            found,
            [
                Found { name: "offline", text: "true".into(), line: 1 },
                Found { name: "scan.fail-on", text: "high".into(), line: 4 },
            ]
        );
    }

    #[test]
    fn refuses_with_line_and_reason() {
        for (text, message) in [
            ("\nofline = true", "line 2: unknown key 'ofline'"),
            ("[scan]\nfail_on = \"high\"", "line 2: unknown key 'scan.fail_on'"),
            ("[scna]\nstrict = true", "line 1: unknown key 'scna'"),
            ("scan = 1", "line 1: unknown key 'scan'"),
            ("offline = \"true\"", "line 1: 'offline' is true or false, without quotes"),
            ("color = 3", "line 1: 'color' is a text in quotes"),
            ("scan.severity = \"bad\"", "line 1: 'scan.severity' is one of critical"),
            ("data-dir = \"/tmp\"", "line 1: 'data-dir' may not be set by the current directory"),
        ] {
            let error = parse(text, false).unwrap_err();
            assert!(error.message().starts_with(message), "{text}: {}", error.message());
        }
        let error = parse("ofline = true", false).unwrap_err();
        assert_eq!(error.hints(), ["did you mean 'offline'"]);
        assert!(parse("a = = b", true).unwrap_err().message().starts_with("line 1: "));
        assert_eq!(parse("data-dir = \"/tmp\"", true).unwrap().len(), 1);
    }
}
