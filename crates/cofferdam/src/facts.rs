//! What there is to know about a target, before anything is judged.

mod posture;

use std::{fs::File, io::Read as _, path::Path};

use cofferdam_finding::{Gap, Target as Named};
use cofferdam_image::{
    self as image, Interest, LayerCache, Limits, OpenOptions, Reading, Source, Survey, Target,
};
use cofferdam_oci::{Platform, Reference, image::Configuration};
use cofferdam_posture::layer::LayerFacts;
use cofferdam_vuln::{
    Inventory, rules,
    sbom::{self, MAX_DOCUMENT},
};

use self::posture::Posture;
use crate::{
    error::{CliError, OrFail as _},
    images::{self, Reach},
    scanners::Scanners,
    session::Session,
};

/// A target and what is installed in it.
#[derive(Debug)]
pub(crate) struct Facts {
    /// What was looked at.
    pub(crate) target: Named,
    /// Its distribution and packages, and what could not be looked at.
    pub(crate) inventory: Inventory,
    /// The configuration of an image.
    pub(crate) configuration: Option<Configuration>,
    /// How the image was named, if by a reference.
    pub(crate) reference: Option<Reference>,
    /// What each layer holds that posture rules are about.
    pub(crate) layers: Vec<LayerFacts>,
}

/// How to look.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    /// What for.
    pub(crate) scanners: Scanners,
    /// Which image of a multi-platform one.
    pub(crate) platform: Option<Platform>,
    /// Whether what was found out about layers is remembered, and believed.
    pub(crate) cache: bool,
}

/// Reads what analysers need of the target that a user named `text`.
pub(crate) fn collect(text: &str, look: Look, session: &Session) -> Result<Facts, CliError> {
    if let Some(path) = text.strip_prefix("sbom:") {
        return bill_of_materials(text, Path::new(path));
    }
    let attempt = || format!("could not read '{text}'");
    let target = Target::parse(text).map_err(|error| images::parse_error(text, &error))?;
    let options = OpenOptions { platform: look.platform.clone(), ..OpenOptions::default() };
    let source = images::locate_target(text, &target, &options, &Reach::default(), session)?;
    let limits = Limits::default();
    // Without a data directory there is nothing to remember; that is no reason not to look.
    let data = session.settings.data_dir().ok().filter(|_| look.cache);
    let cache = data.as_deref().map(LayerCache::new);
    let progress = session.printer.progress();
    let interest = match look.scanners.vuln {
        true => cofferdam_vuln::interest(),
        false => Interest::default(),
    };
    let posture = Posture::new(look.scanners.wanted());
    let survey = posture.as_ref().map(|posture| posture as &dyn Survey);
    let reading =
        image::read_surveyed(&source, &interest, survey, &limits, cache.as_ref(), &progress)
            .or_fail(attempt)?;
    drop(progress);
    facts(text, &target, source, reading, look.scanners)
}

/// The facts that somebody else collected.
fn bill_of_materials(text: &str, path: &Path) -> Result<Facts, CliError> {
    let attempt = || format!("could not read bill of materials '{}'", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).or_fail(attempt)?;
    file.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).or_fail(attempt)?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        let message = format!("it has more than {MAX_DOCUMENT} bytes");
        return Err(CliError::new(message)).or_fail(attempt);
    }
    let inventory = sbom::read(&bytes, &path.display().to_string()).or_fail(attempt)?;
    let target = Named {
        name: text.to_owned(),
        kind: "sbom".to_owned(),
        digest: None,
        platform: None,
        os: inventory.distribution.as_ref().map(|os| os.pretty_name.clone()),
        layers: Vec::new(),
    };
    Ok(Facts { target, inventory, configuration: None, reference: None, layers: Vec::new() })
}

fn facts(
    text: &str,
    target: &Target,
    source: Source,
    reading: Reading,
    scanners: Scanners,
) -> Result<Facts, CliError> {
    let layers: Vec<String> = reading.layers.iter().map(ToString::to_string).collect();
    let mut inventory = match scanners.vuln {
        true => cofferdam_vuln::inventory(&reading.tree, &layers),
        false => Inventory::default(),
    };
    let surveys = reading.surveys.iter().map(|answer| {
        let broken = || CliError::new("could not understand what was remembered of a layer");
        Posture::facts(answer).ok_or_else(|| broken().hint("--no-cache reads it again"))
    });
    let layer_facts: Vec<LayerFacts> = surveys.collect::<Result<_, _>>()?;
    inventory.gaps.extend(reading.skipped.into_iter().map(|skipped| Gap {
        rule: rules::FILE_SKIPPED.into(),
        object: skipped.object,
        why: skipped.why,
    }));
    let image = match source {
        Source::Image(image) => Some(image),
        Source::Directory(_) => None,
    };
    let reference = reference(target);
    let target = Named {
        name: text.to_owned(),
        kind: kind(target).to_owned(),
        digest: image.as_ref().map(|image| image.manifest.to_string()),
        platform: image.as_ref().map(|image| image.platform.to_string()),
        os: inventory.distribution.as_ref().map(|os| os.pretty_name.clone()),
        layers,
    };
    let configuration = image.map(|image| image.configuration);
    Ok(Facts { target, inventory, configuration, reference, layers: layer_facts })
}

/// The reference by which a target is named.
fn reference(target: &Target) -> Option<Reference> {
    match target {
        Target::Registry(reference) | Target::Named(reference) => Some(reference.clone()),
        // May be the beginning of a digest as well.
        Target::Store(name) => name.parse().ok().filter(|_| name.contains([':', '/', '.'])),
        _ => None,
    }
}

/// What reports call a kind of target.
fn kind(target: &Target) -> &'static str {
    match target {
        Target::OciLayout { .. } => "oci-layout",
        Target::OciArchive { .. } => "oci-archive",
        Target::DockerArchive { .. } => "docker-archive",
        Target::Directory(_) => "directory",
        Target::Registry(_) => "registry",
        Target::Store(_) => "store",
        Target::Named(_) => "image",
    }
}
