//! What there is to know about a target, before anything is judged.

use cofferdam_finding::{Gap, Target as Named};
use cofferdam_image::{self as image, LayerCache, Limits, OpenOptions, Reading, Source, Target};
use cofferdam_oci::Platform;
use cofferdam_vuln::{Inventory, rules};

use crate::{
    error::{CliError, OrFail as _},
    images::{self, Reach},
    session::Session,
};

/// A target and what is installed in it.
#[derive(Debug)]
pub(crate) struct Facts {
    /// What was looked at.
    pub(crate) target: Named,
    /// Its distribution and packages, and what could not be looked at.
    pub(crate) inventory: Inventory,
}

/// How to look.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    /// Which image of a multi-platform one.
    pub(crate) platform: Option<Platform>,
    /// Whether what was found out about layers is remembered, and believed.
    pub(crate) cache: bool,
}

/// Reads what analysers need of the target that a user named `text`.
pub(crate) fn collect(text: &str, look: Look, session: &Session) -> Result<Facts, CliError> {
    let attempt = || format!("could not read '{text}'");
    let target = Target::parse(text).map_err(|error| images::parse_error(text, &error))?;
    let options = OpenOptions { platform: look.platform, ..OpenOptions::default() };
    let source = images::locate_target(text, &target, &options, &Reach::default(), session)?;
    let limits = Limits::default();
    // Without a data directory there is nothing to remember; that is no reason not to look.
    let data = session.settings.data_dir().ok().filter(|_| look.cache);
    let cache = data.as_deref().map(LayerCache::new);
    let progress = session.printer.progress();
    let interest = cofferdam_vuln::interest();
    let reading =
        image::read(&source, &interest, &limits, cache.as_ref(), &progress).or_fail(attempt)?;
    drop(progress);
    Ok(facts(text, &target, &source, reading))
}

fn facts(text: &str, target: &Target, source: &Source, reading: Reading) -> Facts {
    let layers: Vec<String> = reading.layers.iter().map(ToString::to_string).collect();
    let mut inventory = cofferdam_vuln::inventory(&reading.tree, &layers);
    inventory.gaps.extend(reading.skipped.into_iter().map(|skipped| Gap {
        rule: rules::FILE_SKIPPED.into(),
        object: skipped.object,
        why: skipped.why,
    }));
    let image = match source {
        Source::Image(image) => Some(image),
        Source::Directory(_) => None,
    };
    let target = Named {
        name: text.to_owned(),
        kind: kind(target).to_owned(),
        digest: image.map(|image| image.manifest.to_string()),
        platform: image.map(|image| image.platform.to_string()),
        os: inventory.distribution.as_ref().map(|os| os.pretty_name.clone()),
        layers,
    };
    Facts { target, inventory }
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
