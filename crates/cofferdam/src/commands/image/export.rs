use std::{path::PathBuf, process::ExitCode, str::FromStr};

use cofferdam_image::store::{self, Format};
use cofferdam_oci::Platform;

use super::inspect;
use crate::{
    images::{self, Reach},
    session::{Ended, Session},
};

/// Write an image as a layout or archive for other tools
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Destinations:
  oci:DIR[:TAG]                an OCI image layout
  oci-archive:FILE[:TAG]       the same in a tar file
  docker-archive:FILE[:TAG]    what docker load reads

Examples:
  cofferdam image export alpine:3.20 oci:./alpine:3.20
  cofferdam image export oci:./alpine docker-archive:alpine.tar:alpine:3.20")]
pub(crate) struct Args {
    /// The image: a name or digest of the store, or any target that scan takes
    image: String,
    /// Where to write it; nothing may be there yet
    destination: Destination,
    /// Which image of a multi-platform one [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Clone)]
struct Destination {
    format: Format,
    path: PathBuf,
    tag: Option<String>,
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let format = match kind {
            "oci" => Format::OciLayout,
            "oci-archive" => Format::OciArchive,
            "docker-archive" => Format::DockerArchive,
            _ => return Err("it starts with none of oci:, oci-archive:, docker-archive:".into()),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag.to_owned()).filter(|tag| !tag.is_empty())),
            None => (rest, None),
        };
        if path.is_empty() {
            return Err("it names no path".into());
        }
        Ok(Self { format, path: path.into(), tag })
    }
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let image = inspect::find(&args.image, args.platform.clone(), &args.reach, session)?;
    let Destination { format, path, tag } = &args.destination;
    let progress = session.printer.progress();
    // Images of the store keep their name.
    let own = image.name.parse::<cofferdam_oci::Reference>().ok().map(|_| image.name.clone());
    let tag = tag.clone().or(own);
    store::export(&image, *format, path, tag.as_deref(), &progress)
        .map_err(|error| images::failed(&error))?;
    drop(progress);
    session.printer.message(format_args!("wrote {}", path.display()));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_have_a_kind_a_path_and_maybe_a_tag() {
        let parsed = |text: &str| {
            let Destination { format, path, tag } = text.parse().unwrap();
            (format, path.display().to_string(), tag)
        };
        assert_eq!(parsed("oci:d"), (Format::OciLayout, "d".into(), None));
        assert_eq!(
            parsed("docker-archive:f.tar:alpine:3"),
            (Format::DockerArchive, "f.tar".into(), Some("alpine:3".into()))
        );
        for bad in ["", "d", "oci:", "oci::tag", "dir:x", "docker:x"] {
            assert!(bad.parse::<Destination>().is_err(), "{bad}");
        }
    }
}
