//! The small static binary that starts containers.
//!
//! ```text
//! cofferdam-runtime run [--bundle DIR] [--pid-file FILE] [--dry-run] [--explain] ID
//! ```

use std::{
    ffi::OsString,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use cofferdam_oci::runtime::Spec;
use cofferdam_runtime::{
    ContainerId, Error,
    apply::{self, Options},
    explain,
    facts::Facts,
    plan::{GivenUp, Plan},
};

const USAGE: &str = "\
usage: cofferdam-runtime run [--bundle DIR] [--pid-file FILE] [--dry-run] [--explain] ID

  --bundle DIR      directory of config.json (default: the current one)
  --pid-file FILE   write the id of the container's first process there
  --dry-run         print what would be done and do nothing
  --explain         print to standard error what isolation is in force, before the program runs
  --version         print the version
";

/// The largest `config.json` that is read, in bytes.
const CONFIGURATION_LIMIT: u64 = 8 * 1024 * 1024;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    Version,
    Run(Run),
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Run {
    id: Option<ContainerId>,
    bundle: PathBuf,
    pid_file: Option<PathBuf>,
    dry_run: bool,
    explain: bool,
}

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    match parse(arguments) {
        Ok(Command::Help) => print(USAGE),
        Ok(Command::Version) => print(&format!(
            "cofferdam-runtime {}\nspec: {}\n",
            env!("CARGO_PKG_VERSION"),
            cofferdam_oci::runtime::VERSION
        )),
        Ok(Command::Run(run)) => match self::run(&run) {
            Ok(code) => ExitCode::from(code),
            Err(error) => {
                complain(&error.chain());
                if let Some(hint) = error.hint() {
                    let _ = std::io::stderr().write_all(format!("hint: {hint}\n").as_bytes());
                }
                ExitCode::from(error.exit_code())
            }
        },
        Err(what) => {
            complain(&[what]);
            let _ = std::io::stderr().write_all(USAGE.as_bytes());
            ExitCode::from(125)
        }
    }
}

fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(125),
    }
}

fn complain(chain: &[String]) {
    let mut text = String::new();
    for (index, cause) in chain.iter().enumerate() {
        text.push_str(if index == 0 { "error: " } else { "caused by: " });
        text.push_str(cause);
        text.push('\n');
    }
    // Nothing is left to do when even that cannot be said.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Reads the command line; options may stand before and after the container's name.
fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let mut arguments = arguments;
    let command = arguments.next().ok_or("no command is given")?;
    match command.to_str() {
        Some("run") => {}
        Some("--help" | "-h" | "help") => return Ok(Command::Help),
        Some("--version" | "-v") => return Ok(Command::Version),
        _ => return Err(format!("could not understand the command '{}'", command.display())),
    }
    let mut run = Run { bundle: PathBuf::from("."), ..Run::default() };
    while let Some(argument) = arguments.next() {
        let text = argument
            .to_str()
            .ok_or_else(|| format!("could not understand the argument '{}'", argument.display()))?;
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(OsString::from(value))),
            _ => (text, None),
        };
        let mut value = || {
            attached
                .clone()
                .or_else(|| arguments.next())
                .ok_or_else(|| format!("'{name}' needs a value"))
        };
        match name {
            "--bundle" | "-b" => run.bundle = value()?.into(),
            "--pid-file" => run.pid_file = Some(value()?.into()),
            "--dry-run" => run.dry_run = true,
            "--explain" => run.explain = true,
            "--help" | "-h" => return Ok(Command::Help),
            _ if name.starts_with('-') => {
                return Err(format!("could not understand the option '{name}'"));
            }
            _ if run.id.is_some() => return Err(format!("'{text}' is one container too many")),
            _ => {
                run.id = Some(
                    text.parse()
                        .map_err(|error: cofferdam_runtime::ContainerIdError| error.to_string())?,
                )
            }
        }
    }
    if run.id.is_none() {
        return Err("no container is named".into());
    }
    Ok(Command::Run(run))
}

fn run(run: &Run) -> Result<u8, Error> {
    let spec = read(&run.bundle)?;
    let Some(id) = run.id.clone() else { return Ok(125) };
    let plan = Plan::new(id, &spec, &run.bundle, &Facts::collect())?;
    if run.dry_run {
        let _ = std::io::stdout().write_all(plan.to_string().as_bytes());
        return Ok(0);
    }
    let mut explain = |pid: rustix::process::Pid, given_up: &[GivenUp]| explain(pid, given_up);
    let explain: Option<apply::Explain<'_>> = if run.explain { Some(&mut explain) } else { None };
    apply::run(&plan, &mut Options { pid_file: run.pid_file.clone(), explain })
}

/// Prints to standard error what isolation the kernel says is in force.
fn explain(pid: rustix::process::Pid, given_up: &[GivenUp]) {
    let pid = pid.as_raw_nonzero().get().unsigned_abs();
    let mut text = match explain::observe(pid, explain::ReadFilters::Yes) {
        Ok(observation) => {
            let reasons: Vec<_> = given_up
                .iter()
                .map(|g| explain::GivenUp { layer: g.what.clone(), why: g.why.clone() })
                .collect();
            let layers = explain::layers(&observation, &reasons);
            let stderr = rustix::stdio::stderr();
            let terminal = rustix::termios::isatty(stderr);
            let width = rustix::termios::tcgetwinsize(stderr).map_or(0, |size| size.ws_col);
            let width = if width == 0 { 100 } else { usize::from(width) };
            let coloured = terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
            let mut text = explain::render(&layers, width, coloured);
            let told = |g: &&GivenUp| !layers.iter().any(|layer| layer.name == g.what);
            for given_up in given_up.iter().filter(told) {
                text.push_str(&format!("given up: {}: {}\n", given_up.what, given_up.why));
            }
            text
        }
        Err(error) => format!("warning: {error}\n"),
    };
    text.push('\n');
    // The container runs whether or not somebody reads this.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn read(bundle: &Path) -> Result<Spec, Error> {
    let path = bundle.join("config.json");
    let wrong = |source| Error::Bundle { path: path.clone(), source };
    let json = read_limited(&path).map_err(|error| wrong(error.into()))?;
    let spec = Spec::parse(&json).map_err(|error| wrong(error.into()))?;
    let unknown = spec.unknown_keys(&json).map_err(|error| wrong(error.into()))?;
    for key in unknown {
        let warning = format!("warning: '{}': unknown key {key} means nothing\n", path.display());
        let _ = std::io::stderr().write_all(warning.as_bytes());
    }
    Ok(spec)
}

fn read_limited(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut json = Vec::new();
    std::fs::File::open(path)?.take(CONFIGURATION_LIMIT + 1).read_to_end(&mut json)?;
    if json.len() as u64 > CONFIGURATION_LIMIT {
        return Err(std::io::Error::other("it is larger than 8 MiB"));
    }
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command, String> {
        parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn options_stand_before_and_after_the_name() {
        let wanted = Run {
            id: Some("c1".parse().unwrap()),
            bundle: "/b".into(),
            pid_file: Some("p".into()),
            ..Run::default()
        };
        for arguments in [
            &["run", "--bundle", "/b", "--pid-file", "p", "c1"][..],
            &["run", "c1", "-b", "/b", "--pid-file=p"],
            &["run", "--bundle=/b", "c1", "--pid-file", "p"],
        ] {
            assert_eq!(parsed(arguments).unwrap(), Command::Run(wanted_like(&wanted)));
        }
    }

    fn wanted_like(run: &Run) -> Run {
        Run {
            id: run.id.clone(),
            bundle: run.bundle.clone(),
            pid_file: run.pid_file.clone(),
            ..Run::default()
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (arguments, wanted) in [
            (&[][..], "no command"),
            (&["walk"], "walk"),
            (&["run"], "no container"),
            (&["run", "a", "b"], "'b'"),
            (&["run", "--bundel", "x", "a"], "--bundel"),
            (&["run", "a", "--bundle"], "--bundle"),
            (&["run", "../a"], "../a"),
        ] {
            let error = parsed(arguments).unwrap_err();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
