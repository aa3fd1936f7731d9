mod benchmark;
mod machine;
mod processes;
mod shell;

use std::{
    collections::BTreeSet,
    io::Write as _,
    path::{Path, PathBuf},
};

use cofferdam_finding::Target;
use cofferdam_kube::{
    Snapshot,
    cis::{
        self, Cluster,
        check::{Filter, Results, Scene, State, run as run_checks},
        native,
        node::Node,
    },
};

use self::{benchmark::Benchmark, machine::Machine};
use super::{
    input,
    report::{Found, Reporting},
};
use crate::{
    error::CliError,
    reporting,
    session::{Ended, Session, exit_code},
};

/// Check a node and a cluster against a CIS benchmark
///
/// With --benchmark-dir, reads the checks of kube-bench's 'cfg' directory as they are. Their commands are answered by an
/// interpreter of its own that runs nothing and reads only below --root; what it cannot answer is
/// undecided. Questions to the cluster are answered from a dump. Without it, decides section 5 (roles,
/// pods, namespaces, admission) of a dump by checks of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube cis --cluster dump.json --fail-on high
  cofferdam kube cis --benchmark-dir kube-bench/cfg --kube-version 1.31
  cofferdam kube cis --benchmark-dir cfg --benchmark cis-1.11 --root node1/ --processes ps.txt
  cofferdam kube cis --benchmark-dir cfg --benchmark cis-1.11 --targets policies --cluster dump.json
  cofferdam kube cis --benchmark-dir cfg --benchmark cis-1.11 --as kube-bench-json -o result.json

Exit status:
  0  nothing at or above --fail-on
  1  findings at or above --fail-on
  2  wrong usage, or nothing could be read
  3  something could not be decided, under --strict")]
pub(crate) struct Args {
    /// Directory of benchmarks in the form of kube-bench's cfg
    #[arg(long, value_name = "DIR", required_unless_present = "cluster")]
    benchmark_dir: Option<PathBuf>,
    /// Benchmark in that directory: cis-1.11, eks-1.5.0, …
    #[arg(long, value_name = "NAME", conflicts_with = "kube_version", requires = "benchmark_dir")]
    benchmark: Option<String>,
    /// Release of Kubernetes that the benchmark is chosen by
    #[arg(long, value_name = "VERSION")]
    kube_version: Option<String>,
    /// Sections to check: master, node, etcd, controlplane, policies, managedservices, or all;
    /// those of what runs, if none is named
    #[arg(long, value_delimiter = ',', value_name = "SECTION")]
    targets: Vec<String>,
    /// Make these checks only
    #[arg(long = "check", value_delimiter = ',', value_name = "ID")]
    checks: Vec<String>,
    /// Make the checks of these groups only
    #[arg(long = "group", value_delimiter = ',', value_name = "ID")]
    groups: Vec<String>,
    /// Leave out these checks or groups
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    skip: Vec<String>,
    /// Root of the node's files
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// What runs on the node, as 'ps -ef' prints it; read from the root's /proc, if not given
    #[arg(long, value_name = "FILE")]
    processes: Option<PathBuf>,
    /// Journal of the node, as 'journalctl' prints it
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Dump of the cluster that answers for kubectl
    #[arg(long, value_name = "PATH")]
    cluster: Option<PathBuf>,
    /// Let /bin/sh run, on this machine, the commands that are not known
    #[arg(long)]
    allow_shell: bool,
    /// Write the results as kube-bench does, without judging them
    #[arg(long = "as", value_enum, value_name = "FORM")]
    native: Option<Native>,
    #[command(flatten)]
    report: Reporting,
}

/// Forms in which kube-bench writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Native {
    KubeBenchJson,
    KubeBenchJunit,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    if args.allow_shell && args.root != Path::new("/") {
        let error = CliError::new("could not let a shell answer for another root than '/'");
        return Err(error.hint("leave out --allow-shell or --root"));
    }
    let snapshot = args.cluster.as_deref().map(|path| input::load(path, session)).transpose()?;
    let Some(directory) = &args.benchmark_dir else {
        return policies(args, snapshot.unwrap_or_default(), session);
    };
    let benchmark = Benchmark::choose(
        directory,
        args.benchmark.as_deref(),
        args.kube_version.as_deref(),
        snapshot.as_ref(),
    )?;
    let machine = Machine::open(&args.root, args.processes.as_deref(), args.journal.as_deref())?;
    let found = results(args, &benchmark, &machine, snapshot.as_ref(), session)?;
    if let Some(native) = args.native {
        let text = match native {
            Native::KubeBenchJson => native::json(&found.results),
            Native::KubeBenchJunit => native::junit(&found.results),
        };
        session.printer.data().write_all(text.as_bytes())?;
        return Ok(std::process::ExitCode::SUCCESS);
    }
    report(args, &benchmark, found, session)
}

/// Results of all sections, and what could not be seen.
#[derive(Default)]
struct Looked {
    results: Vec<Results>,
    gaps: Vec<cofferdam_finding::Gap>,
}

fn results(
    args: &Args,
    benchmark: &Benchmark,
    machine: &Machine,
    snapshot: Option<&Snapshot>,
    session: &Session,
) -> Result<Looked, CliError> {
    let cluster = snapshot.map(Cluster::new);
    let set = |names: &[String]| names.iter().map(|name| name.trim().to_owned()).collect();
    let filter =
        Filter { checks: set(&args.checks), groups: set(&args.groups), skipped: set(&args.skip) };
    let fallback = |command: &str| shell::run(command);
    let scene = Scene {
        node: machine,
        cluster: cluster.as_ref(),
        fallback: args.allow_shell.then_some(&fallback),
    };
    let mut looked = Looked::default();
    let mut seen = BTreeSet::new();
    for section in benchmark.sections(&args.targets, machine.processes().as_deref(), session)? {
        let (controls, variables, programs) = benchmark.controls(&section, machine)?;
        for unreadable in variables.unreadable {
            if seen.insert(unreadable.clone()) {
                let (path, why) = unreadable.split_once(": ").unwrap_or((&unreadable, ""));
                looked.gaps.push(cis::not_seen(path.to_owned(), why.to_owned()));
            }
        }
        let mut results = run_checks(controls, &programs, &filter, &scene);
        results.detected.clone_from(&benchmark.detected);
        looked.results.push(results);
    }
    Ok(looked)
}

fn report(args: &Args, benchmark: &Benchmark, looked: Looked, session: &mut Session) -> Ended {
    let count = |state| looked.results.iter().map(|one| one.count(state)).sum::<usize>();
    session.printer.message(format_args!(
        "{}: {} hold, {} fail, {} warn or are for a person, {} left out, {} undecided",
        benchmark.name,
        count(State::Pass),
        count(State::Fail),
        count(State::Warn),
        count(State::Info),
        count(State::Unknown),
    ));
    let (findings, rules) = cis::findings(&benchmark.name, &looked.results);
    let found = Found { findings, gaps: looked.gaps, rules, ..Found::default() };
    judge(args, args.root.display().to_string(), "kubernetes-node", found, session)
}

/// Section 5 by checks of our own.
fn policies(args: &Args, snapshot: Snapshot, session: &mut Session) -> Ended {
    if args.native.is_some() {
        let error = CliError::new("could not write our own checks as kube-bench does");
        return Err(error.hint("leave out --as, or name kube-bench's checks with --benchmark-dir"));
    }
    let (mut findings, mut gaps) = cis::policies::evaluate(&snapshot);
    gaps.extend(snapshot.gaps);
    let is_named = |finding: &cofferdam_finding::Finding| {
        args.checks.is_empty()
            || args.checks.iter().any(|id| finding.title.starts_with(&format!("CIS {id} ")))
    };
    findings.retain(is_named);
    session.printer.message(format_args!("{}, decided from the dump", cis::policies::benchmark()));
    let name = args.cluster.as_deref().map_or(String::new(), |path| path.display().to_string());
    judge(args, name, "kubernetes", Found { findings, gaps, ..Found::default() }, session)
}

fn judge(args: &Args, name: String, kind: &str, found: Found, session: &mut Session) -> Ended {
    let target = Target { name, kind: kind.into(), ..Target::default() };
    let mut report = reporting::judged(target, found, &args.report)?;
    let verdict = report.decision.verdict;
    reporting::hide(&mut report, args.report.severity, &mut session.printer);
    reporting::write(&report, args.report.format, &mut session.printer)?;
    Ok(exit_code(verdict))
}
