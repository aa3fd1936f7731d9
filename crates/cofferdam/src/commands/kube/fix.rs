use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use cofferdam_finding::render::escape;
use cofferdam_kube::{
    fix::{Fixed, Left, Options, fix},
    practice::Settings,
    pss::{Level, Version},
    rules,
};
use similar::TextDiff;

use super::input;
use crate::{
    error::{CliError, OrFail as _},
    nearest::nearest,
    output::replace,
    session::{Ended, Session},
};

/// Lines around a change that the diff shows.
const CONTEXT: usize = 3;
/// Bytes of a file that is fixed: manifests that people write are far below it.
const LARGEST: u64 = 16 << 20;

/// Change manifests so that rules hold
///
/// Shows the changes as a diff; --apply makes them. Comments, order and quotes stay as they are. Each
/// change is proven before it is shown: the changed text is read again, says what was meant and
/// nothing else, and keeps the rule. What only a person can decide is counted, and named by
/// --verbose. A program that needs what is taken from it does not start: try it before you ship it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube fix manifests/
  cofferdam kube fix --rule kube-writable-root --rule kube-privilege-escalation manifests/ | git apply
  cofferdam kube fix --apply manifests/web.yaml

Exit status:
  0  done
  1  there is something to change, under --exit-code
  2  wrong usage, or nothing could be read or written")]
pub(crate) struct Args {
    /// A manifest, or a folder of manifests
    path: PathBuf,
    /// Write the changes to the files
    #[arg(long)]
    apply: bool,
    /// Make only this rule hold; may be repeated
    #[arg(long = "rule", value_name = "ID")]
    rules: Vec<String>,
    /// Level of the Pod Security Standards: privileged, baseline or restricted
    #[arg(long, default_value = "restricted")]
    level: Level,
    /// Version of the standard: latest, or that of a release (v1.31)
    #[arg(long, value_name = "VERSION", default_value = "latest")]
    standard_version: Version,
    /// Exit with 1 if there is something to change
    #[arg(long)]
    exit_code: bool,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    if args.path == Path::new("-") {
        let error = CliError::new("could not fix standard input");
        return Err(error.hint("name a file, so that there is something to change"));
    }
    check_rules(&args.rules)?;
    let options = Options {
        level: args.level,
        version: args.standard_version,
        settings: Settings::default(),
        rules: args.rules.clone(),
    };
    let snapshot = input::read(&args.path, session)?;
    let (mut fixes, mut files) = (0, 0);
    let mut left: Vec<Left> = Vec::new();
    for name in snapshot.files.iter().collect::<BTreeSet<_>>() {
        let path = Path::new(name);
        let attempt = || format!("could not fix '{name}'");
        let length = fs::metadata(path).or_fail(attempt)?.len();
        if length > LARGEST {
            session
                .printer
                .warning(format_args!("'{name}' is too large to be fixed: {length} bytes"));
            continue;
        }
        // What is not UTF-8 was told as a gap.
        let Ok(text) = String::from_utf8(fs::read(path).or_fail(attempt)?) else { continue };
        let fixed = fix(name, &text, &options);
        if !fixed.fixes.is_empty() {
            show(name, &text, &fixed, session)?;
            if args.apply {
                replace(path, &fixed.text).or_fail(attempt)?;
            }
            files += 1;
            fixes += fixed.fixes.len();
        }
        left.extend(fixed.left);
    }
    let verb = if args.apply { "made" } else { "shown" };
    session.printer.message(format_args!(
        "{fixes} fix{} in {files} file{} {verb}",
        if fixes == 1 { "" } else { "es" },
        if files == 1 { "" } else { "s" },
    ));
    tell_left(&left, session);
    if fixes > 0 && !args.apply {
        session.printer.message("--apply makes them");
    }
    Ok(ExitCode::from(u8::from(args.exit_code && fixes > 0)))
}

fn check_rules(named: &[String]) -> Result<(), CliError> {
    let known = || rules::all().map(|rule| rule.id.as_ref());
    let Some(unknown) = named.iter().find(|name| !known().any(|id| id == *name)) else {
        return Ok(());
    };
    let error = CliError::new(format!("could not find rule '{unknown}'"));
    Err(match nearest(unknown, known()) {
        Some(nearest) => error.hint(format!("did you mean '{nearest}'")),
        None => error.hint("'cofferdam rules' lists them"),
    })
}

/// Writes the diff. Its lines are those of the file: what would steer a terminal is escaped on one.
fn show(name: &str, text: &str, fixed: &Fixed, session: &mut Session) -> Result<(), CliError> {
    for done in &fixed.fixes {
        let fields = done.fields.join(", ");
        session.printer.detail(format_args!("{}: {}: {fields}", done.subject, done.rule));
    }
    let diff = TextDiff::from_lines(text, &fixed.text);
    let mut unified = diff.unified_diff();
    unified.context_radius(CONTEXT);
    unified.header(&format!("a/{}", relative(name)), &format!("b/{}", relative(name)));
    let written = unified.to_string();
    let is_terminal = session.printer.data_has_color();
    let out = session.printer.data();
    if is_terminal {
        for line in written.lines() {
            let color = match line.as_bytes().first() {
                Some(b'+') => "32",
                Some(b'-') => "31",
                Some(b'@') => "36",
                _ => "0",
            };
            writeln!(out, "\x1b[{color}m{}\x1b[0m", escape(line))?;
        }
    } else {
        out.write_all(written.as_bytes())?;
    }
    Ok(())
}

fn relative(name: &str) -> &str {
    name.trim_start_matches("./").trim_start_matches('/')
}

fn tell_left(left: &[Left], session: &Session) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for one in left {
        *counts.entry(&one.rule).or_default() += 1;
        session.printer.detail(format_args!("{}: {}: {}", one.subject, one.rule, one.why));
    }
    if !counts.is_empty() {
        let counts: Vec<String> =
            counts.iter().map(|(rule, count)| format!("{rule} ({count})")).collect();
        session.printer.message(format_args!("left for a person: {}", counts.join(", ")));
    }
}
