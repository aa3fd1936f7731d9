use std::process::ExitCode;

use cofferdam_image::Target;
use cofferdam_oci::Platform;
use cofferdam_vuln::base::{Base, store::Bases};
use time::OffsetDateTime;

use crate::{
    error::{CliError, OrFail as _},
    facts::{self, Look},
    scanners::Scanners,
    session::{Ended, Session},
};

/// Remember an image as a base of others
///
/// Add the newest image of a name whenever there is one: images that were built from the ones before
/// are then known to be behind.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// An image, as cofferdam scan takes it
    target: String,
    /// What the base is called [default: the reference, or the target as it is written]
    #[arg(long)]
    name: Option<String>,
    /// Which image of a multi-platform one [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
}

pub(crate) fn run(args: &Args, session: &Session) -> Ended {
    let look = Look { scanners: Scanners::PACKAGES, platform: args.platform.clone(), cache: true };
    let facts = facts::collect(&args.target, look, session)?;
    let target = &facts.target;
    let (Some(digest), false) = (&target.digest, target.layers.is_empty()) else {
        return Err(CliError::new(format!(
            "could not add base '{}': it is no image with layers",
            args.target
        )))
        .hint("make it an image first: cofferdam image import");
    };
    let added = OffsetDateTime::now_utc().unix_timestamp();
    let base = Base {
        name: args.name.clone().unwrap_or_else(|| name(&args.target)),
        digest: digest.clone(),
        platform: target.platform.clone().unwrap_or_default(),
        created: facts.configuration.as_ref().and_then(|one| one.created.clone()),
        added: u64::try_from(added).unwrap_or_default(),
        layers: target.layers.clone(),
    };
    Bases::of(&session.settings.data_dir()?).add(&base, &facts.inventory)?;
    session.printer.message(format!(
        "'{}' is a base now: {} layers, {} packages",
        base.name,
        base.layers.len(),
        facts.inventory.packages.len()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The reference that a target names, if it names one.
fn name(text: &str) -> String {
    match Target::parse(text) {
        Ok(Target::Registry(reference) | Target::Named(reference)) => reference.to_string(),
        Ok(Target::Store(name)) => name,
        _ => text.to_owned(),
    }
}
