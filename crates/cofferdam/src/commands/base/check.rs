use std::{collections::BTreeMap, io::Write as _, path::PathBuf, process::ExitCode};

use cofferdam_finding::{Finding, Severity, render::escape};
use cofferdam_oci::Platform;
use cofferdam_vuln::{
    Inventory,
    base::{Base, Origin, Origins, exchange, find, newer, store::Bases},
    database::Database,
    matching::match_packages,
};
use serde::Serialize;
use time::{Date, OffsetDateTime};

use super::{bases, short};
use crate::{
    advisories,
    cli::Format,
    error::{CliError, OrFail as _},
    facts::{self, Look},
    scanners::Scanners,
    session::{Ended, Session},
};

/// Tell what of an image came from its base, and what a newer base would change
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An image, as cofferdam scan takes it
    target: String,
    /// Exit with 1 if the image is behind the newest base of the same name
    #[arg(long)]
    fail_behind: bool,
    /// Which image of a multi-platform one [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    /// Advisory database [default: the one in the data directory, else the starter database]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema_version: u32,
    target: &'a str,
    /// Absent if no base that is known has the layers that the image begins with.
    base: Option<Named<'a>>,
    /// Other names of the same base.
    also: Vec<&'a str>,
    /// The newest base of the name, if the image is behind it.
    newest: Option<Named<'a>>,
    packages: Option<Counts>,
    vulnerabilities: Option<Counts>,
    /// What building the image on the newest base would change.
    upgrade: Option<Upgrade>,
}

#[derive(Debug, Serialize)]
struct Named<'a> {
    name: &'a str,
    digest: &'a str,
    created: Option<&'a str>,
    layers: usize,
}

/// How many came from where.
#[derive(Debug, Default, Serialize)]
struct Counts {
    base: usize,
    changed: usize,
    own: usize,
}

#[derive(Debug, Serialize)]
struct Upgrade {
    closes: Vec<Row>,
    opens: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    vulnerability: String,
    severity: Severity,
    package: String,
}

impl Named<'_> {
    fn of(base: &Base) -> Named<'_> {
        let Base { name, digest, created, layers, .. } = base;
        Named { name, digest, created: created.as_deref(), layers: layers.len() }
    }
}

impl Counts {
    fn of(origins: impl Iterator<Item = Origin>) -> Self {
        let mut counts = Self::default();
        for origin in origins {
            match origin {
                Origin::Base => counts.base += 1,
                Origin::Changed => counts.changed += 1,
                Origin::Own => counts.own += 1,
            }
        }
        counts
    }
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let database = match &args.db {
        Some(path) => Database::open(path).hint("cofferdam db --help says how one is made")?,
        None => advisories::open(&session.settings)?,
    };
    let (store, bases) = bases(session)?;
    let look = Look { scanners: Scanners::PACKAGES, platform: args.platform.clone(), cache: true };
    let facts = facts::collect(&args.target, look, session)?;
    if facts.target.layers.is_empty() {
        let message = format!("could not check '{}': it is no image with layers", args.target);
        return Err(CliError::new(message));
    }
    let found = find(&bases, &facts.target.layers);
    // An image with several names is behind if it is so under any of them.
    let behind = found.iter().find_map(|base| Some((*base, newer(&bases, base)?)));
    let base = behind.map(|(base, _)| base).or(found.first().copied());
    let newest = behind.map(|(_, newest)| newest);
    let mut answer = Answer {
        schema_version: 1,
        target: &args.target,
        base: base.map(Named::of),
        also: found.iter().filter(|one| Some(**one) != base).map(|one| one.name.as_str()).collect(),
        newest: newest.map(Named::of),
        packages: None,
        vulnerabilities: None,
        upgrade: None,
    };
    if let Some(base) = base {
        let today = OffsetDateTime::now_utc().date();
        let against = Against { database: &database, store: &store, today };
        against.fill(&facts.inventory, (base, newest), &mut answer)?;
    }
    match args.format {
        Format::Json => session.printer.json(&answer)?,
        Format::Table => table(&answer, facts.target.layers.len(), session)?,
    }
    Ok(ExitCode::from(u8::from(args.fail_behind && newest.is_some())))
}

/// What images are compared with.
struct Against<'a> {
    database: &'a Database,
    store: &'a Bases,
    today: Date,
}

impl Against<'_> {
    fn fill(
        &self,
        image: &Inventory,
        (base, newest): (&Base, Option<&Base>),
        answer: &mut Answer<'_>,
    ) -> Result<(), CliError> {
        let old = self.store.packages(base)?;
        let origins = Origins::new(&old);
        let findings = self.findings(image)?;
        let packages = &image.packages;
        answer.packages = Some(Counts::of(packages.iter().map(|one| origins.of(one))));
        let of_findings = findings.iter().map(|one| origins.of_finding(one, packages));
        answer.vulnerabilities = Some(Counts::of(of_findings));
        if let Some(newest) = newest {
            let new = self.store.packages(newest)?;
            let then = self.findings(&exchange(image, &old, &new))?;
            answer.upgrade = Some(Upgrade::between(&findings, &then));
        }
        Ok(())
    }

    fn findings(&self, inventory: &Inventory) -> Result<Vec<Finding>, CliError> {
        Ok(match_packages(inventory, self.database, self.today)?.findings)
    }
}

/// Vulnerabilities and what has them, with their severities.
type Known = BTreeMap<(String, String), Severity>;

impl Upgrade {
    fn between(now: &[Finding], then: &[Finding]) -> Self {
        let (now, then) = (known(now), known(then));
        Self { closes: only(&now, &then), opens: only(&then, &now) }
    }
}

fn known(findings: &[Finding]) -> Known {
    let each = findings.iter();
    each.map(|one| ((one.rule.to_string(), one.subject.clone()), one.severity)).collect()
}

/// What is in one and not in the other, the severest first.
fn only(one: &Known, other: &Known) -> Vec<Row> {
    let mut rows: Vec<Row> = one
        .iter()
        .filter(|(key, _)| !other.contains_key(*key))
        .map(|((vulnerability, package), severity)| Row {
            vulnerability: vulnerability.clone(),
            severity: *severity,
            package: package.clone(),
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.severity));
    rows
}

/// Rows that a table shows of each kind.
const SHOWN: usize = 20;

fn table(answer: &Answer<'_>, layers: usize, session: &mut Session) -> std::io::Result<()> {
    let Some(base) = &answer.base else {
        session.printer.warning("no base that is known has the layers that this image begins with");
        session.printer.hint("cofferdam base add TARGET makes an image known as a base");
        return Ok(());
    };
    let out = session.printer.data();
    let line = |named: &Named<'_>| {
        let day = named.created.and_then(|text| text.get(..10)).unwrap_or("an unknown day");
        format!("{} ({}), built on {}", escape(named.name), short(named.digest), escape(day))
    };
    writeln!(out, "base             {}, {} of {layers} layers", line(base), base.layers)?;
    if !answer.also.is_empty() {
        writeln!(out, "                 also known as {}", escape(&answer.also.join(", ")))?;
    }
    match &answer.newest {
        Some(newest) => writeln!(out, "newest           {}: the image is behind it", line(newest))?,
        None => writeln!(out, "newest           the same, as far as is known")?,
    }
    for (title, counts) in
        [("packages", &answer.packages), ("vulnerabilities", &answer.vulnerabilities)]
    {
        if let Some(Counts { base, changed, own }) = counts {
            writeln!(out, "{title:<16} {base} of the base, {changed} changed since, {own} own")?;
        }
    }
    let Some(upgrade) = &answer.upgrade else { return Ok(()) };
    let (closes, opens) = (upgrade.closes.len(), upgrade.opens.len());
    writeln!(out, "on the newest    {closes} vulnerabilities go, {opens} come")?;
    for (title, rows) in [("goes", &upgrade.closes), ("comes", &upgrade.opens)] {
        for row in rows.iter().take(SHOWN) {
            let (id, package) = (escape(&row.vulnerability), escape(&row.package));
            writeln!(out, "  {title:<5}  {id}  {}  {package}", row.severity)?;
        }
        if rows.len() > SHOWN {
            writeln!(out, "         and {} more: --format json names them", rows.len() - SHOWN)?;
        }
    }
    Ok(())
}
