use std::path::PathBuf;

use cofferdam_finding::Severity;
use cofferdam_oci::Platform;

use crate::{
    error::CliError,
    session::{Ended, Session},
    settings::Override,
};

/// Find the packages of an image or a root file system and their vulnerabilities
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Targets:
  oci:DIR[:TAG]                an OCI image layout
  oci-archive:FILE[:TAG]       the same in a tar file
  docker-archive:FILE[:TAG]    what docker save writes
  dir:ROOT                     the directory of a root file system
  store:NAME                   an image of the local store
  registry:REFERENCE           an image in a registry
  without a prefix, an existing path is recognised by what it is; anything else is an image
  reference, looked up in the local store, then in the registry

Examples:
  cofferdam scan --offline oci:./image
  cofferdam scan --fail-on high --waivers waivers.toml docker-archive:image.tar
  cofferdam scan --format sarif -o result.sarif registry:quay.io/org/app:1.2
  cofferdam scan --severity high --only-fixed dir:/mnt/root

Exit status:
  0  nothing at or above --fail-on
  1  findings at or above --fail-on
  2  wrong usage, or the target could not be scanned
  3  something could not be looked at, under --strict")]
pub(crate) struct Args {
    /// What to scan
    target: String,
    /// How to write the report
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
    /// Exit with 1 if something is this severe or worse
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    fail_on: Option<Severity>,
    /// Exit with 3 if something could not be looked at
    #[arg(long)]
    strict: bool,
    /// File of accepted findings, each with reason, owner and expiry
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
    /// Show only what is this severe or worse; the exit status is not affected
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    severity: Option<Severity>,
    /// Show only what a newer package fixes; the exit status is not affected
    #[arg(long)]
    only_fixed: bool,
    /// Which image of a multi-platform one [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    /// Advisory database [default: the one in the data directory, else the starter database]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Read every layer again, known or not, and remember nothing
    #[arg(long)]
    no_cache: bool,
}

/// Written form of a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum ReportFormat {
    // Not doc comments: clap would stretch the help page over them.
    // For people.
    #[default]
    Table,
    // Everything, schema-versioned.
    Json,
    // SARIF 2.1.0, for code hosts.
    Sarif,
    // For CI systems.
    Junit,
}

/// Severities with their names, so that wrong usage lists them.
fn severity() -> impl clap::builder::TypedValueParser<Value = Severity> {
    use clap::builder::{PossibleValuesParser, TypedValueParser as _};
    PossibleValuesParser::new(Severity::DESCENDING.map(Severity::name))
        .try_map(|name| name.parse::<Severity>())
}

impl Args {
    /// What the flags set.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let severity = |severity: Option<Severity>| severity.map(|severity| severity.to_string());
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let switch = |on: bool| on.then(|| "true".to_owned());
        [
            ("scan.fail-on", severity(self.fail_on)),
            ("scan.strict", switch(self.strict)),
            ("scan.waivers", path(&self.waivers)),
            ("scan.severity", severity(self.severity)),
            ("scan.only-fixed", switch(self.only_fixed)),
            ("scan.platform", self.platform.as_ref().map(Platform::to_string)),
            ("scan.db", path(&self.db)),
        ]
        .into_iter()
        .filter_map(|(name, text)| Some((name, text?)))
        .collect()
    }
}

pub(crate) fn run(_args: &Args, _session: &mut Session) -> Ended {
    Err(CliError::new("could not scan: this command is not in this build yet"))
}
