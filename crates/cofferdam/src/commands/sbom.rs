use std::process::ExitCode;

use cofferdam_oci::Platform;
use cofferdam_vuln::sbom::{About, cyclonedx, spdx};
use time::OffsetDateTime;

use crate::{
    facts::{self, Look},
    scanners::Scanners,
    session::{Ended, Session},
    stamp,
};

/// Write the bill of materials of an image or a root file system as CycloneDX or SPDX
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam sbom oci:./image
  cofferdam sbom -o image.cdx.json docker-archive:image.tar
  cofferdam sbom --format spdx -o image.spdx.json registry:quay.io/org/app:1.2
  cofferdam sbom --format spdx sbom:image.cdx.json

Targets are written as for cofferdam scan, see cofferdam scan --help.")]
pub(crate) struct Args {
    /// What to list the packages of
    target: String,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: SbomFormat,
    /// Which image of a multi-platform one [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    /// Read every layer again, known or not, and remember nothing
    #[arg(long)]
    no_cache: bool,
}

/// Written form of a bill of materials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum SbomFormat {
    // Not doc comments: clap would stretch the help page over them.
    // CycloneDX 1.6, JSON.
    #[default]
    Cyclonedx,
    // SPDX 2.3, JSON.
    Spdx,
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
    match args.format {
        SbomFormat::Cyclonedx => session.printer.json(&cyclonedx(&facts.inventory, &about))?,
        SbomFormat::Spdx => session.printer.json(&spdx(&facts.inventory, &about))?,
    }
    Ok(ExitCode::SUCCESS)
}
