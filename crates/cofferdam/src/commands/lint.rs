mod file;

use std::path::PathBuf;

use cofferdam_finding::Target;
use cofferdam_posture::lint::{self, Options};

use self::file::File;
use crate::{
    error::CliError,
    reporting::{Found, Reporting, hide, judged, write},
    session::{Ended, Session, exit_code},
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
    #[command(flatten)]
    reporting: Reporting,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let paths = if args.files.is_empty() { vec![file::usual()?] } else { args.files.clone() };
    let registries = session.settings.text("scan.registries").unwrap_or_default();
    let registries = registries.split(',').map(str::trim).filter(|name| !name.is_empty());
    let options = Options { registries: registries.map(str::to_owned).collect() };
    let mut found = Found::default();
    for path in &paths {
        let mut file = File::read(path)?;
        if args.fix {
            fix(&mut file, &options, session)?;
        }
        let (findings, gaps) = lint::lint(&file.name, &file.text, &options);
        found.findings.extend(findings);
        found.gaps.extend(gaps);
    }
    let name = match paths.as_slice() {
        [path] => path.display().to_string(),
        paths => format!("{} files", paths.len()),
    };
    let target = Target { name, kind: "dockerfile".into(), ..Target::default() };
    report(target, found, &args.reporting, session)
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

fn report(target: Target, found: Found, args: &Reporting, session: &mut Session) -> Ended {
    let mut report = judged(target, found, args)?;
    let verdict = report.decision.verdict;
    hide(&mut report, args.severity, &mut session.printer);
    write(&report, args.format, &mut session.printer)?;
    Ok(exit_code(verdict))
}
