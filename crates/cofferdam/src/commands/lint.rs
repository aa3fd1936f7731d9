mod file;

use std::{collections::BTreeSet, path::PathBuf};

use cofferdam_finding::{
    Finding, Gap, Policy, Report, SCHEMA_VERSION, Severity, Target, Waivers, decide,
};
use cofferdam_posture::lint::{self, Options};
use time::OffsetDateTime;

use self::file::File;
use crate::{
    commands::{
        rules,
        scan::{ReportFormat, read_waivers, severity, write},
    },
    error::CliError,
    session::{Ended, Session, exit_code},
    stamp,
};

/// Check Dockerfiles and Containerfiles, and fix what can be fixed
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without FILE, Dockerfile or Containerfile of the current directory is checked; - is stdin.
A comment turns rules off for the next instruction, by our ids or hadolint's:
  # cofferdam ignore=dockerfile-apt-version,DL3015

Examples:
  cofferdam lint
  cofferdam lint --fail-on medium --format sarif -o lint.sarif build/Dockerfile
  cofferdam lint --fix Dockerfile

Exit status:
  0  nothing at or above --fail-on
  1  findings at or above --fail-on
  2  wrong usage, or a file could not be read or written
  3  part of a file could not be understood, under --strict")]
pub(crate) struct Args {
    /// Files to check
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Change the files where a fix keeps what they do, then report what is left
    #[arg(long)]
    fix: bool,
    /// How to write the report
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
    /// Exit with 1 if something is this severe or worse
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    fail_on: Option<Severity>,
    /// Exit with 3 if part of a file could not be understood
    #[arg(long)]
    strict: bool,
    /// File of accepted findings, each with reason, owner and expiry
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
    /// Show only what is this severe or worse; the exit status is not affected
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    severity: Option<Severity>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let paths = if args.files.is_empty() { vec![file::usual()?] } else { args.files.clone() };
    let registries = session.settings.text("scan.registries").unwrap_or_default();
    let registries = registries.split(',').map(str::trim).filter(|name| !name.is_empty());
    let options = Options { registries: registries.map(str::to_owned).collect() };
    let mut findings: Vec<Finding> = Vec::new();
    for path in &paths {
        let mut file = File::read(path)?;
        if args.fix {
            fix(&mut file, &options, session)?;
        }
        let (found, gaps) = lint::lint(&file.name, &file.text, &options);
        findings.extend(found);
        findings.extend(gaps.into_iter().map(from_gap));
    }
    let name = match paths.as_slice() {
        [path] => path.display().to_string(),
        paths => format!("{} files", paths.len()),
    };
    report(name, findings, args, session)
}

/// Applies fixes until none is left: one may make room for another.
fn fix(file: &mut File, options: &Options, session: &Session) -> Result<(), CliError> {
    /// Rounds; each fix removes its own finding.
    const ROUNDS: usize = 10;
    let mut total = 0;
    let mut text = file.text.clone();
    for _ in 0..ROUNDS {
        let (findings, _) = lint::lint(&file.name, &text, options);
        let (fixed, applied) = lint::apply(&text, &findings);
        total += applied;
        if fixed == text {
            break;
        }
        text = fixed;
    }
    if total > 0 {
        file.write(text)?;
        session.printer.message(format_args!("{total} fixes were made in {}", file.name));
    }
    Ok(())
}

fn report(name: String, findings: Vec<Finding>, args: &Args, session: &mut Session) -> Ended {
    let now = OffsetDateTime::now_utc();
    let waivers = args.waivers.as_deref().map_or_else(|| Ok(Waivers::default()), read_waivers)?;
    let policy = Policy { fail_on: args.fail_on, strict: args.strict };
    let named: BTreeSet<String> = findings.iter().map(|one| one.rule.to_string()).collect();
    let rules = rules::own().filter(|rule| named.contains(rule.id.as_ref())).cloned().collect();
    let mut decision = decide(&name, findings, &waivers, &policy, now.date());
    let verdict = decision.verdict;
    let before = decision.findings.len();
    decision.findings.retain(|one| args.severity.is_none_or(|least| one.severity >= least));
    let hidden = before - decision.findings.len();
    if let Some(least) = args.severity.filter(|_| hidden > 0) {
        session.printer.message(format_args!("{hidden} findings are not shown: below {least}"));
    }
    let report = Report {
        schema_version: SCHEMA_VERSION,
        tool: stamp::tool(),
        created: stamp::time(now)?,
        target: Target { name, kind: "dockerfile".into(), ..Target::default() },
        data: Vec::new(),
        packages: Vec::new(),
        rules,
        decision,
    };
    write(&report, args.format, &mut session.printer)?;
    Ok(exit_code(verdict))
}

fn from_gap(gap: Gap) -> Finding {
    let severity = rules::own().find(|rule| rule.id == gap.rule).map(|rule| rule.severity);
    gap.into_finding(severity.unwrap_or(Severity::Medium))
}
