//! Rules on the configuration of an image and on what its layers hold: CIS Docker benchmark
//! section 4, NIST SP 800-190 section 3.1. One file a rule, under `rules/`.

mod history;
mod policy;
mod rules;

use cofferdam_finding::{Finding, Gap, Rule};
use cofferdam_oci::{Reference, image::Configuration};
use time::Date;

pub(crate) use self::rules::secret_variable::{is_secret_name, is_secret_value};
use self::{
    history::{Step, steps},
    rules::ImageRule,
};
pub use self::{policy::Policy, rules::rules};
use crate::{
    layer::{FileSecrets, LayerFacts, Notable},
    secret::{self, Engine, Found, Place},
};

/// An image (or a directory) as rules see it.
#[derive(Debug, Clone, Default)]
pub struct Image<'a> {
    /// The configuration; a directory has none.
    pub configuration: Option<&'a Configuration>,
    /// How it was named, if by a reference.
    pub reference: Option<&'a Reference>,
    /// Digests of the layers, the base first; none for a directory.
    pub digests: &'a [String],
    /// What each layer holds; one entry for a directory.
    pub layers: &'a [LayerFacts],
    /// What is asked for beyond the fixed rules.
    pub policy: Policy,
}

/// What there is to say about the secrets of an image, in its files and in its configuration.
pub fn secrets(image: &Image<'_>) -> (Vec<Finding>, Vec<Gap>) {
    let mut places: Vec<(Place, Vec<Found>)> = Vec::new();
    let mut gaps = Vec::new();
    for (index, layer) in image.layers.iter().enumerate() {
        for FileSecrets { path, found, more } in &layer.secrets {
            let gone = image.gone(index, path);
            let place = Place { path: path.clone(), layer: image.digest(index), gone };
            places.push((place, found.clone()));
            if *more {
                let why = format!("only the first {} secrets in it are listed", Engine::MOST);
                gaps.push(Gap { rule: SEARCH_CUT.into(), object: path.clone(), why });
            }
        }
    }
    places.extend(image.texts().into_iter().filter_map(|(path, text)| {
        let found = Engine::shared().search_text(&path, &text).found;
        let place = Place { path, layer: None, gone: None };
        (!found.is_empty()).then_some((place, found))
    }));
    let each = places.iter().flat_map(|(place, found)| found.iter().map(move |one| (place, one)));
    gaps.extend(image.cut());
    (secret::findings(each), gaps)
}

/// What there is to say about the configuration of an image and the files that its layers hold.
/// `today` decides how old it is.
pub fn configuration(image: &Image<'_>, today: Date) -> (Vec<Finding>, Vec<Gap>) {
    let checked = rules::ALL.iter().flat_map(|rule: &&ImageRule| rule.findings(image, today));
    (checked.collect(), image.cut())
}

/// The rule that reports that not everything was listed.
pub const SEARCH_CUT: &str = rules::search_cut::ID;

/// The rule about variables that are named like secrets.
pub const SECRET_VARIABLE: &str = rules::secret_variable::ID;

impl<'a> Image<'a> {
    /// Notable entries that the image shows: not those that a later layer removes or replaces.
    fn notable(&self) -> impl Iterator<Item = (&'a Notable, Option<String>)> {
        self.layers.iter().enumerate().flat_map(move |(index, layer)| {
            let shown = layer.notable.iter().filter(move |one| !self.is_gone(index, &one.path));
            shown.map(move |one| (one, self.digest(index)))
        })
    }

    fn is_gone(&self, index: usize, path: &str) -> bool {
        self.layers.iter().skip(index + 1).any(|above| above.hides(path))
    }

    /// The layer that removes or replaces what layer `index` has at `path`.
    fn gone(&self, index: usize, path: &str) -> Option<String> {
        let mut above = self.layers.iter().enumerate().skip(index + 1);
        above.find(|(_, layer)| layer.hides(path)).and_then(|(index, _)| self.digest(index))
    }

    fn digest(&self, index: usize) -> Option<String> {
        self.digests.get(index).cloned()
    }

    /// The steps that the image was built in.
    fn steps(&self) -> Vec<Step<'a>> {
        self.configuration.map(steps).unwrap_or_default()
    }

    /// Texts of the configuration in which secrets may be, with names for them.
    fn texts(&self) -> Vec<(String, String)> {
        let Some(configuration) = self.configuration else { return Vec::new() };
        let execution = &configuration.config;
        let mut texts = Vec::new();
        for variable in &execution.env {
            let name = variable.split_once('=').map_or(variable.as_str(), |(name, _)| name);
            texts.push((format!("environment {name}"), variable.clone()));
        }
        for (name, value) in &execution.labels {
            texts.push((format!("label {name}"), format!("{name}={value}")));
        }
        texts.push(("entrypoint".to_owned(), execution.entrypoint.join(" ")));
        texts.push(("command".to_owned(), execution.cmd.join(" ")));
        for step in self.steps() {
            texts.push((format!("history step {}", step.number), step.text.to_owned()));
        }
        texts
    }

    /// Says so if a layer had more than is kept.
    fn cut(&self) -> Vec<Gap> {
        let cut = self.layers.iter().enumerate().filter(|(_, layer)| layer.more);
        let gap = |(index, _)| Gap {
            rule: SEARCH_CUT.into(),
            object: self.digest(index).unwrap_or_else(|| "directory".to_owned()),
            why: "it has more files to report than are kept".into(),
        };
        cut.map(gap).collect()
    }
}

/// The rule with this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}
