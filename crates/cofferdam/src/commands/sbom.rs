use std::process::ExitCode;

use cofferdam_oci::Platform;
use cofferdam_vuln::sbom::{About, cyclonedx};
use time::OffsetDateTime;

use crate::{
    facts::{self, Look},
    scanners::Scanners,
    session::{Ended, Session},
    stamp,
};

/// Write the bill of materials of an image or a root file system as CycloneDX 1.6 JSON
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam sbom oci:./image
  cofferdam sbom -o image.cdx.json docker-archive:image.tar

Targets are written as for cofferdam scan, see cofferdam scan --help.")]
pub(crate) struct Args {
    /// What to list the packages of
    target: String,
    /// Which image of a multi-platform one [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    /// Read every layer again, known or not, and remember nothing
    #[arg(long)]
    no_cache: bool,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let look = Look {
        scanners: Scanners::PACKAGES,
        platform: args.platform.clone(),
        cache: !args.no_cache,
    };
    let facts = facts::collect(&args.target, look, session)?;
    for gap in &facts.inventory.gaps {
        session.printer.warning(format_args!("{}: {}", gap.object, gap.why));
    }
    let (tool, created) = (stamp::tool(), stamp::time(OffsetDateTime::now_utc())?);
    let about =
        About { target: &facts.target, tool: &tool, created: &created, serial_number: None };
    session.printer.json(&cyclonedx(&facts.inventory, &about))?;
    Ok(ExitCode::SUCCESS)
}
