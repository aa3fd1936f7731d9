//! A directory of benchmarks: which one, which sections of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cofferdam_kube::{
    Snapshot,
    cis::{
        config::Config,
        controls::Controls,
        node::{Node, Process},
        substitute::{Variables, runs},
    },
    versions::{Role, inventory},
};

use crate::{
    bounded,
    error::{CliError, OrFail as _},
    nearest::nearest,
    session::Session,
};

/// Bytes of a file of checks: the largest has a tenth of it.
const FILE_LIMIT: u64 = 4 << 20;

/// Sections that say nothing of a node.
const OF_CLUSTER: [&str; 2] = ["policies", "managedservices"];

/// A benchmark that was chosen.
pub(super) struct Benchmark {
    pub(super) name: String,
    /// The release that it was chosen by.
    pub(super) detected: String,
    directory: PathBuf,
    config: Config,
    sections: Vec<String>,
}

impl Benchmark {
    /// The benchmark of that name, or for that release, or for the release in a dump.
    pub(super) fn choose(
        root: &Path,
        name: Option<&str>,
        version: Option<&str>,
        snapshot: Option<&Snapshot>,
    ) -> Result<Self, CliError> {
        let mut config = config(&root.join("config.yaml"))?;
        let detected = version.map(str::to_owned).or_else(|| detect(snapshot?));
        let known = config.benchmarks();
        let all = || known.keys().cloned().collect::<Vec<_>>().join(", ");
        let name = match (name, &detected) {
            (Some(name), _) => name.to_owned(),
            (None, Some(version)) => {
                let release = version.trim_start_matches('v');
                let chosen = config.benchmark_for(release).map(str::to_owned);
                chosen.ok_or_else(|| {
                    CliError::new(format!("could not find a benchmark for '{version}'"))
                        .hint(format!("name one with --benchmark: {}", all()))
                })?
            }
            (None, None) => {
                let error = CliError::new("could not choose a benchmark: no release is known");
                return Err(error.hint(format!(
                    "name a release with --kube-version, or one of these with --benchmark: {}",
                    all()
                )));
            }
        };
        let directory = root.join(&name);
        if name.contains(['/', '\\']) || name.starts_with('.') || !directory.is_dir() {
            let error = CliError::new(format!("could not find the benchmark '{name}'"));
            let close = nearest(&name, known.keys().map(String::as_str));
            return Err(error.hint(match close {
                Some(close) => format!("did you mean '{close}'?"),
                None => format!("known are: {}", all()),
            }));
        }
        let own = directory.join("config.yaml");
        if own.exists() {
            config.merge(&self::config(&own)?);
        }
        let sections = match known.get(&name) {
            Some(sections) => sections.clone(),
            None => files(&directory)?,
        };
        Ok(Self { name, detected: detected.unwrap_or_default(), directory, config, sections })
    }

    /// The sections to check: those that are named, or those of what runs on the node.
    pub(super) fn sections(
        &self,
        named: &[String],
        processes: Option<&[Process]>,
        session: &Session,
    ) -> Result<Vec<String>, CliError> {
        if named.iter().any(|name| name == "all") {
            return files(&self.directory);
        }
        if !named.is_empty() {
            for name in named {
                if !self.sections.contains(name) {
                    let error =
                        CliError::new(format!("could not find '{name}' in '{}'", self.name));
                    return Err(error.hint(format!("it has {}", self.sections.join(", "))));
                }
            }
            return Ok(named.to_vec());
        }
        let runs_here = |section: &str| match processes {
            None => true,
            Some(processes) => self.runs(section, processes),
        };
        let (mut here, mut elsewhere) = (Vec::new(), Vec::new());
        for section in &self.sections {
            let looks_at = if section == "controlplane" { "master" } else { section };
            let taken = match looks_at {
                "master" | "etcd" => runs_here(looks_at),
                _ => true,
            };
            if taken && self.directory.join(format!("{section}.yaml")).is_file() {
                here.push(section.clone());
            } else {
                elsewhere.push(section.as_str());
            }
        }
        if !elsewhere.is_empty() {
            session.printer.message(format_args!(
                "not checked, as nothing of it runs here: {}",
                elsewhere.join(", ")
            ));
        }
        Ok(here)
    }

    fn runs(&self, section: &str, processes: &[Process]) -> bool {
        let components = self.config.components(section).unwrap_or_default();
        let mut programs = components.iter().filter(|one| !one.programs.is_empty()).peekable();
        programs.peek().is_some()
            && programs.all(|component| {
                component.optional || component.programs.iter().any(|name| runs(name, processes))
            })
    }

    /// The checks of a section for this node, what its variables stand for, and the programs in it.
    pub(super) fn controls(
        &self,
        section: &str,
        node: &dyn Node,
    ) -> Result<(Controls, Variables, Vec<String>), CliError> {
        let path = self.directory.join(format!("{section}.yaml"));
        let attempt = || format!("could not read checks '{}'", path.display());
        let components = self.config.components(section);
        if components.is_none() && !OF_CLUSTER.contains(&section) {
            let why = format!("config.yaml knows no section '{section}'");
            return Err(CliError::new(why)).or_fail(attempt);
        }
        let variables = Variables::of(&components.unwrap_or_default(), node);
        let substituted = variables.substitute(&text(&path)?);
        let controls = Controls::parse(&substituted.text);
        let controls = controls.map_err(CliError::new).or_fail(attempt)?;
        if controls.section != section {
            let why = format!("its type is '{}'", controls.section);
            return Err(CliError::new(why)).or_fail(attempt);
        }
        Ok((controls, variables, substituted.programs))
    }
}

/// All sections that a directory has a file for.
fn files(directory: &Path) -> Result<Vec<String>, CliError> {
    let attempt = || format!("could not read '{}'", directory.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).or_fail(attempt)? {
        let name = entry.or_fail(attempt)?.file_name().to_string_lossy().into_owned();
        names
            .extend(name.strip_suffix(".yaml").filter(|name| *name != "config").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn text(path: &Path) -> Result<String, CliError> {
    bounded::text(path, FILE_LIMIT, || format!("could not read '{}'", path.display()))
}

fn config(path: &Path) -> Result<Config, CliError> {
    let read = || format!("could not read '{}'", path.display());
    let parsed = text(path).hint("--benchmark-dir takes a directory like kube-bench's 'cfg'")?;
    Config::parse(&parsed).map_err(CliError::new).or_fail(read)
}

/// Release or platform by the versions in a dump.
fn detect(snapshot: &Snapshot) -> Option<String> {
    let inventory = inventory(snapshot, None);
    let of = |role: &Role| inventory.components.iter().find(|one| one.role == *role);
    let version = of(&Role::ApiServer).or_else(|| of(&Role::Kubelet))?.version;
    Some(format!("{}.{}", version.major, version.minor))
}
