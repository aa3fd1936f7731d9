use std::{io::Write as _, process::ExitCode};

use cofferdam_finding::render::escape;
use cofferdam_image::{Image, OpenOptions};
use cofferdam_oci::{Platform, image::Configuration};
use serde::Serialize;

use super::{image_of, megabytes, stored_size};
use crate::{
    cli::Format,
    error::CliError,
    images::{self, Reach},
    session::{Ended, Session},
};

/// Show what an image consists of and what it runs
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image: a name or digest of the store, or any target that scan takes
    image: String,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Which image of a multi-platform one [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Serialize)]
struct Inspection<'a> {
    schema_version: u32,
    name: &'a str,
    digest: String,
    media_type: &'a str,
    platform: String,
    size: u64,
    layers: Vec<LayerRow<'a>>,
    configuration: &'a Configuration,
}

#[derive(Debug, Serialize)]
struct LayerRow<'a> {
    digest: String,
    diff_id: String,
    media_type: &'a str,
    size: u64,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let image = find(&args.image, args.platform.clone(), &args.reach, session)?;
    let inspection = Inspection {
        schema_version: 1,
        name: &image.name,
        digest: image.manifest.to_string(),
        media_type: &image.documents.manifest_media_type,
        platform: image.platform.to_string(),
        size: stored_size(&image),
        layers: image.layers.iter().map(layer).collect(),
        configuration: &image.configuration,
    };
    match args.format {
        Format::Json => session.printer.json(&inspection)?,
        Format::Table => table(&inspection, session)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// An image by a digest of the store, or by any target.
pub(super) fn find(
    text: &str,
    platform: Option<Platform>,
    reach: &Reach,
    session: &Session,
) -> Result<Image, CliError> {
    let there = session.settings.data_dir().is_ok_and(|data| data.join("images").is_dir());
    // A prefix of a digest is a valid reference as well; the store knows better.
    if there && platform.is_none() && !std::path::Path::new(text).exists() {
        let store = images::store(session)?;
        if let Some(stored) = store.find(text).map_err(|error| images::failed(&error))? {
            return store.load(&stored).map_err(|error| images::failed(&error));
        }
    }
    let options = OpenOptions { platform, ..OpenOptions::default() };
    image_of(images::open(text, &options, reach, session)?, text)
}

fn layer(layer: &cofferdam_image::Layer) -> LayerRow<'_> {
    LayerRow {
        digest: layer.descriptor.digest.to_string(),
        diff_id: layer.diff_id.to_string(),
        media_type: &layer.descriptor.media_type,
        size: layer.descriptor.size,
    }
}

fn table(inspection: &Inspection<'_>, session: &mut Session) -> Result<(), CliError> {
    let execution = &inspection.configuration.config;
    let out = session.printer.data();
    // What an image says of itself is escaped: it may be written for the terminal.
    let shown = |text: &str| escape(text).into_owned();
    let mut line = |name: &str, value: &str| -> std::io::Result<()> {
        if value.is_empty() { Ok(()) } else { writeln!(out, "{name:<12} {value}") }
    };
    line("name", &shown(inspection.name))?;
    line("digest", &inspection.digest)?;
    line("platform", &shown(&inspection.platform))?;
    line("created", &shown(inspection.configuration.created.as_deref().unwrap_or_default()))?;
    line("size", &megabytes(inspection.size))?;
    line("user", &shown(&execution.user))?;
    line("directory", &shown(&execution.working_dir))?;
    line("entrypoint", &shown(&execution.entrypoint.join(" ")))?;
    line("command", &shown(&execution.cmd.join(" ")))?;
    for variable in &execution.env {
        line("environment", &shown(variable))?;
    }
    for port in execution.exposed_ports.keys() {
        line("port", &shown(port))?;
    }
    for layer in &inspection.layers {
        line("layer", &format!("{}  {}", layer.digest, megabytes(layer.size)))?;
    }
    Ok(())
}
