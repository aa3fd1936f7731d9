mod compare;
mod filter;
mod form;
mod judge;
mod statements;
mod why;

use std::path::PathBuf;

use cofferdam_finding::{Baseline, ExitStatus, Policy, Severity, Waivers, diff};
use cofferdam_oci::Platform;
use cofferdam_posture::image::Policy as ImagePolicy;
use cofferdam_vuln::{license::Policy as LicensePolicy, matching::upgrades};
use time::OffsetDateTime;

use self::{
    filter::Filter,
    form::Form,
    judge::{Asked, Judged, report},
    why::Answer,
};
use crate::{
    advisories,
    error::CliError,
    facts::{self, Look},
    reporting::{read_waivers, severity},
    scanners::Scanners,
    session::{Ended, Session, exit_code},
    settings::{Override, Settings},
};

/// Find vulnerabilities, secrets and unsafe settings in an image or a root file system
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Targets:
  oci:DIR[:TAG]                an OCI image layout
  oci-archive:FILE[:TAG]       the same in a tar file
  docker-archive:FILE[:TAG]    what docker save writes
  dir:ROOT                     the directory of a root file system
  store:NAME                   an image of the local store
  registry:REFERENCE           an image in a registry
  sbom:FILE                    a bill of materials: CycloneDX, SPDX or Syft JSON, package URLs
  without a prefix, an existing path is recognised by what it is; anything else is an image
  reference, looked up in the local store, then in the registry

Examples:
  cofferdam scan --offline oci:./image
  cofferdam scan --fail-on high --waivers waivers.toml docker-archive:image.tar
  cofferdam scan --format sarif -o result.sarif registry:quay.io/org/app:1.2
  cofferdam scan --severity high --only-fixed dir:/mnt/root
  cofferdam scan --scanners secret,config oci:./image
  cofferdam scan --why CVE-2023-4911 oci:./image
  cofferdam scan --vex vendor.openvex.json --upgrades oci:./image
  cofferdam scan --baseline last.json --fail-on low oci:./image

Exit status:
  0  nothing at or above --fail-on
  1  findings at or above --fail-on
  2  wrong usage, or the target could not be scanned
  3  something could not be looked at, under --strict")]
pub(crate) struct Args {
    /// What to scan
    target: String,
    /// What to look for: vuln, secret, config, separated by commas [default: all]
    #[arg(long, value_name = "LIST")]
    scanners: Option<Scanners>,
    /// How to write the report
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    /// Exit with 1 if something is this severe or worse
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    fail_on: Option<Severity>,
    /// Exit with 3 if something could not be looked at
    #[arg(long)]
    strict: bool,
    /// File of accepted findings, each with reason, owner and expiry
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
    /// VEX document (OpenVEX, CSAF, CycloneDX) whose statements close findings; may be repeated
    #[arg(long, value_name = "FILE")]
    vex: Vec<PathBuf>,
    /// Earlier JSON report: what it has neither counts nor is shown
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Instead of the report say what is new and gone since this earlier JSON report, and why
    #[arg(long, value_name = "FILE", conflicts_with = "why")]
    diff: Option<PathBuf>,
    /// Add to the table the smallest upgrades that close most
    #[arg(long)]
    upgrades: bool,
    /// Show only what is this severe or worse; the exit status is not affected
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    severity: Option<Severity>,
    /// Show only what a newer package fixes; the exit status is not affected
    #[arg(long)]
    only_fixed: bool,
    /// Instead of the report say why a vulnerability, or all of a package, is found or not
    #[arg(long, value_name = "ID|PACKAGE")]
    why: Option<String>,
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

impl Args {
    /// What the flags set.
    pub(crate) fn overrides(&self) -> Vec<Override> {
        let severity = |severity: Option<Severity>| severity.map(|severity| severity.to_string());
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let list = |paths: &[PathBuf]| {
            let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
            (!paths.is_empty()).then(|| paths.join(","))
        };
        let switch = |on: bool| on.then(|| "true".to_owned());
        [
            ("scan.scanners", self.scanners.map(|scanners| scanners.to_string())),
            ("scan.fail-on", severity(self.fail_on)),
            ("scan.strict", switch(self.strict)),
            ("scan.waivers", path(&self.waivers)),
            ("scan.vex", list(&self.vex)),
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

impl Args {
    /// Whether anybody is shown what to upgrade.
    fn wants_upgrades(&self) -> bool {
        self.upgrades || self.format == Form::Json
    }
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let settings = &session.settings;
    let policy =
        Policy { fail_on: settings.parsed("scan.fail-on")?, strict: settings.is_on("scan.strict") };
    let filter = Filter {
        severity: settings.parsed("scan.severity")?,
        only_fixed: settings.is_on("scan.only-fixed"),
    };
    let waivers = waivers(settings)?;
    let documents = statements::read(settings)?;
    let baseline = args.baseline.as_deref().map(compare::read).transpose()?;
    let before = args.diff.as_deref().map(compare::read).transpose()?;
    let scanners = settings.parsed("scan.scanners")?.unwrap_or(Scanners::PACKAGES);
    let asked =
        Asked { scanners, policy: image_policy(settings)?, licenses: license_policy(settings) };
    let database = if scanners.vuln { Some(advisories::open(settings)?) } else { None };
    let platform = settings.parsed("scan.platform")?;
    let look = Look { scanners, platform, cache: !args.no_cache };
    let facts = facts::collect(&args.target, look, session)?;
    let now = OffsetDateTime::now_utc();
    let mut judged = Judged::new(&facts, database.as_ref(), &asked, now.date())?;
    let why = args.why.as_ref().map(|asked| Answer::new(&facts, database.as_ref(), asked));
    let why = why.transpose()?;
    let closed = statements::apply(&mut judged, &facts, &documents);
    let inventory = args.wants_upgrades().then(|| facts.inventory.clone());
    let mut report = report(facts, judged, &waivers, &policy, now)?;
    if let Some((suppressed, used)) = closed {
        report.decision = report.decision.with_vex(suppressed, used);
    }
    if let (Some(before), Some(path)) = (&baseline, &args.baseline) {
        let file = path.display().to_string();
        report.decision = report.decision.against(&Baseline::of(before), &file);
    }
    if let (Some(inventory), Some(database)) = (inventory, &database) {
        report.decision.upgrades = upgrades(&inventory, database, &report.decision.findings)?;
    }
    if let Some(mut answer) = why {
        answer.decided(&report);
        answer.write(args.format, session)?;
        let known = answer.knows_something();
        return Ok(exit_code(if known { ExitStatus::Success } else { ExitStatus::Findings }));
    }
    let verdict = report.decision.verdict;
    if let Some(before) = &before {
        compare::write(&diff(before, &report), args.format, session)?;
        return Ok(exit_code(verdict));
    }
    let hidden = filter.apply(&mut report);
    if hidden > 0 {
        session.printer.message(format_args!("{hidden} findings are not shown: {filter}"));
    }
    form::write(&report, args.format, args.upgrades, &mut session.printer)?;
    Ok(exit_code(verdict))
}

/// What settings say of licences.
fn license_policy(settings: &Settings) -> LicensePolicy {
    let list = |name| {
        let names = settings.text(name).unwrap_or_default().split(',').map(str::trim);
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    LicensePolicy { allow: list("scan.allow-licenses"), deny: list("scan.deny-licenses") }
}

/// What settings ask of images beyond the fixed rules.
fn image_policy(settings: &Settings) -> Result<ImagePolicy, CliError> {
    let registries = settings.text("scan.registries").unwrap_or_default();
    let registries = registries.split(',').map(str::trim).filter(|name| !name.is_empty());
    Ok(ImagePolicy {
        registries: registries.map(str::to_owned).collect(),
        max_age: settings.parsed("scan.max-age")?,
        pinned: settings.is_on("scan.pinned"),
    })
}

fn waivers(settings: &Settings) -> Result<Waivers, CliError> {
    settings.path("scan.waivers").map_or_else(|| Ok(Waivers::default()), |path| read_waivers(&path))
}
