use std::{
    cmp::Ordering,
    fs::File,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use cofferdam_finding::ExitStatus;
use cofferdam_vuln::version::{Order, npm_range::Range, vers::Vers};
use serde::Serialize;

use crate::{
    cli::Format,
    error::{CliError, OrFail as _},
    nearest::nearest,
    session::{Ended, Session, exit_code},
};

/// Bytes of a table of versions.
const LONGEST_TABLE: u64 = 64 << 20;

/// Compare two versions as a package manager would, or check a table of comparisons
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Ecosystems: debian, rpm, alpine, arch, npm, pypi, maven, rubygems, go, crates.io, packagist, nuget,
hex, pub, conda, cran, hackage, semver, and their names in OSV, package URLs and vers.

A table has a line for each comparison; what follows a # is passed over:
  1.0 < 1.1      one of < = >: checked
  1.0 ? 1.1      printed
  1.5 in >=1.0   a range of npm, or vers:…; 'not-in' for the opposite: checked

Examples:
  cofferdam vercmp --ecosystem debian 1.0~rc1-1 1.0-1
  cofferdam vercmp --ecosystem pypi 1.0.post1 1.0.dev1
  cofferdam vercmp --ecosystem npm --in '^1.2' 1.9.3
  cofferdam vercmp --ecosystem maven --table comparisons.txt

Exit status:
  0  compared, and the table is right
  1  something in the table is wrong or no version; the version is not in the range
  2  wrong usage, or not a version")]
pub(crate) struct Args {
    /// Whose order
    #[arg(short, long, value_name = "NAME", value_parser = order)]
    ecosystem: Order,
    /// Whether VERSION is in this range: of npm, or vers:…
    #[arg(long = "in", value_name = "RANGE", conflicts_with = "table")]
    range: Option<String>,
    /// File of comparisons; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "versions")]
    table: Option<PathBuf>,
    /// How to write the answers
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Two versions; one with --in
    #[arg(value_name = "VERSION", num_args = 1..=2, required_unless_present = "table")]
    versions: Vec<String>,
}

/// The order of that name; for wrong usage, the nearest one.
fn order(name: &str) -> Result<Order, String> {
    Order::named(name).or_else(|| Order::of_ecosystem(name)).ok_or_else(|| {
        let names = Order::all().flat_map(|order| order.names().iter().copied());
        match nearest(name, names) {
            Some(near) => {
                format!("no order of versions is known by that name; did you mean '{near}'")
            }
            None => "no order of versions is known by that name".to_owned(),
        }
    })
}

/// What became of a line.
#[derive(Debug, Serialize)]
struct Answer {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    left: String,
    right: String,
    /// What should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted: Option<String>,
    /// What is: `<`, `=`, `>`, `in`, `not-in`; none if something is no version.
    #[serde(skip_serializing_if = "Option::is_none")]
    is: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Answer {
    fn is_right(&self) -> bool {
        self.is.is_some() && self.wanted.as_deref().is_none_or(|wanted| Some(wanted) == self.is)
    }
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    match (&args.table, &args.range, args.versions.as_slice()) {
        (Some(path), ..) => check(path, args, session),
        (None, Some(range), [version]) => {
            let answer = within(args.ecosystem, version, range).map_err(CliError::new)?;
            one(args, version, range, answer, session)?;
            let status = if answer == "in" { ExitStatus::Success } else { ExitStatus::Findings };
            Ok(exit_code(status))
        }
        (None, None, [left, right]) => {
            let order = args.ecosystem.compare(left, right)?;
            one(args, left, right, sign(order), session)?;
            Ok(ExitCode::SUCCESS)
        }
        (None, Some(_), _) => Err(CliError::new("could not compare: --in takes one version")),
        (None, None, _) => Err(CliError::new("could not compare: two versions are needed")
            .hint("cofferdam vercmp --help shows how to compare with a range or a table")),
    }
}

fn one(
    args: &Args,
    left: &str,
    right: &str,
    is: &'static str,
    session: &mut Session,
) -> Result<(), CliError> {
    let (left, right) = (left.to_owned(), right.to_owned());
    let answer = Answer { line: None, left, right, wanted: None, is: Some(is), error: None };
    match args.format {
        Format::Table => writeln!(session.printer.data(), "{} {is} {}", answer.left, answer.right)?,
        Format::Json => session.printer.json(&answer)?,
    }
    Ok(())
}

const fn sign(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "<",
        Ordering::Equal => "=",
        Ordering::Greater => ">",
    }
}

fn within(order: Order, version: &str, range: &str) -> Result<&'static str, String> {
    let contains = if range.starts_with("vers:") {
        let range =
            Vers::parse(range).map_err(|error| match std::error::Error::source(&error) {
                Some(cause) => format!("{error}: {cause}"),
                None => error.to_string(),
            })?;
        range.contains(version)
    } else if order == Order::Npm {
        Range::parse(range).and_then(|range| range.contains(version))
    } else {
        return Err(format!("could not read range '{range}': it does not begin with 'vers:'"));
    };
    contains.map(|is| if is { "in" } else { "not-in" }).map_err(|error| error.to_string())
}

fn check(path: &Path, args: &Args, session: &mut Session) -> Ended {
    let text = read(path)?;
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, content(line)));
    let answers: Vec<Answer> = lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| answer(args.ecosystem, number, line))
        .collect();
    let wrong = answers.iter().filter(|answer| !answer.is_right()).count();
    match args.format {
        Format::Json => session.printer.json(&answers)?,
        Format::Table => {
            for answer in &answers {
                print(answer, session)?;
            }
        }
    }
    let (count, right) = (answers.len(), answers.len() - wrong);
    session.printer.message(format_args!("{count} comparisons, {right} right, {wrong} not"));
    Ok(exit_code(if wrong == 0 { ExitStatus::Success } else { ExitStatus::Findings }))
}

fn print(answer: &Answer, session: &mut Session) -> Result<(), CliError> {
    let Answer { left, right, .. } = answer;
    let line = answer.line.unwrap_or_default();
    match (&answer.is, &answer.wanted) {
        (None, _) => {
            let why = answer.error.as_deref().unwrap_or_default();
            writeln!(session.printer.data(), "line {line}: {why}")?;
        }
        (Some(is), None) => writeln!(session.printer.data(), "{left} {is} {right}")?,
        (Some(is), Some(wanted)) if is != wanted => {
            let text = format!("line {line}: not {left} {wanted} {right}, but {left} {is} {right}");
            writeln!(session.printer.data(), "{text}")?;
        }
        _ => {}
    }
    Ok(())
}

fn answer(order: Order, number: usize, line: &str) -> Answer {
    let split = |text: &str| {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        (word.to_owned(), rest.trim_start().to_owned())
    };
    let (left, rest) = split(line);
    let (sign, right) = split(&rest);
    let outcome = match sign.as_str() {
        "<" | "=" | ">" | "?" => {
            order.compare(&left, &right).map(self::sign).map_err(|error| error.to_string())
        }
        "in" | "not-in" => within(order, &left, &right),
        _ => Err(format!("'{line}' is not a version, one of < = > ? in not-in, and another")),
    };
    let wanted = Some(sign).filter(|sign| sign != "?");
    let (is, error) = match outcome {
        Ok(is) => (Some(is), None),
        Err(error) => (None, Some(error)),
    };
    Answer { line: Some(number), left, right, wanted, is, error }
}

/// A line without its comment: a `#` at the beginning or behind a space.
fn content(line: &str) -> &str {
    let line = line.split_once(" #").map_or(line, |(content, _)| content).trim();
    if line.starts_with('#') { "" } else { line }
}

fn read(path: &Path) -> Result<String, CliError> {
    let attempt = || format!("could not read table '{}'", path.display());
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(LONGEST_TABLE + 1).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(LONGEST_TABLE + 1).read_to_string(&mut text))
    };
    if read.or_fail(attempt)? as u64 > LONGEST_TABLE {
        let message = format!("it has more than {LONGEST_TABLE} bytes");
        return Err(CliError::new(message)).or_fail(attempt);
    }
    Ok(text)
}
