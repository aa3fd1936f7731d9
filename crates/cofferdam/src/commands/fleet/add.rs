use std::{path::PathBuf, process::ExitCode};

use cofferdam_image::{OpenOptions, Source, Target};
use cofferdam_oci::Platform;
use cofferdam_vuln::fleet::{Added, Adder, Store, set_key};
use time::OffsetDateTime;

use super::rematch::{REPAIR, database};
use crate::{
    error::{CliError, OrFail as _},
    facts::{self, Look},
    images::{self, Reach},
    scanners::Scanners,
    session::{Ended, Session},
};

/// Add images to the index, or look at them again
///
/// An image whose layers are known already is not read. A name that is there already stands for what
/// it names now.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Images, root directories, bills of materials: as cofferdam scan takes them
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,
    /// Which image of a multi-platform one [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    /// Advisory database [default: the one in the data directory, else the starter database]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Read every layer again, known or not
    #[arg(long)]
    no_cache: bool,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let database = database(args.db.as_ref(), session)?;
    let store = Store::lock(&session.settings.data_dir()?)?;
    let mut fleet = store.load().hint(REPAIR)?;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let now = u64::try_from(now).unwrap_or_default();
    let mut failures: Vec<CliError> = Vec::new();
    let mut adder = fleet.adder();
    for text in &args.targets {
        match add(text, args, now, &mut adder, session) {
            Ok(how) => session.printer.message(format!("{how} '{text}'")),
            Err(error) => failures.push(error),
        }
    }
    let changes = fleet.rematch(&database)?;
    let (total, packages) = (fleet.len(), fleet.package_count());
    let gained = changes.gained.len();
    store.save(fleet)?;
    session.printer.message(format!("{total} images in the index, with {packages} packages"));
    if gained > 0 {
        session.printer.message(format!(
            "images that were there before have {gained} new vulnerabilities, as the database is \
             newer: cofferdam fleet list"
        ));
    }
    // One that cannot be read does not keep the others out.
    let last = failures.pop();
    failures.iter().for_each(|error| session.printer.error(error));
    last.map_or(Ok(ExitCode::SUCCESS), Err)
}

/// Adds a target; says whether its layers were read.
fn add(
    text: &str,
    args: &Args,
    now: u64,
    adder: &mut Adder<'_>,
    session: &Session,
) -> Result<&'static str, CliError> {
    if !args.no_cache && known(text, args, now, adder, session)? {
        return Ok("added, its layers being known,");
    }
    let scanners = Scanners::PACKAGES;
    let look = Look { scanners, platform: args.platform.clone(), cache: !args.no_cache };
    let facts = facts::collect(text, look, session)?;
    let image = Added {
        name: text.to_owned(),
        digest: facts.target.digest.clone(),
        platform: facts.target.platform.clone(),
        added: now,
    };
    adder
        .add(&image, &facts.target.layers, &facts.inventory)
        .or_fail(|| format!("could not add '{text}'"))?;
    Ok("added")
}

/// Adds an image whose layers are known; `false` if it is none.
fn known(
    text: &str,
    args: &Args,
    now: u64,
    adder: &mut Adder<'_>,
    session: &Session,
) -> Result<bool, CliError> {
    if text.starts_with("sbom:") {
        return Ok(false);
    }
    let target = Target::parse(text).map_err(|error| images::parse_error(text, &error))?;
    let options = OpenOptions { platform: args.platform.clone(), ..OpenOptions::default() };
    let source = images::locate_target(text, &target, &options, &Reach::default(), session)?;
    let Source::Image(image) = source else { return Ok(false) };
    let layers: Vec<String> = image.layers.iter().map(|one| one.diff_id.to_string()).collect();
    let added = Added {
        name: text.to_owned(),
        digest: Some(image.manifest.to_string()),
        platform: Some(image.platform.to_string()),
        added: now,
    };
    Ok(!layers.is_empty() && adder.add_known(&added, &set_key(&layers)))
}
