//! Putting images into the index, and taking them out.

use std::collections::{BTreeSet, HashMap};

use cofferdam_finding::{Gap, Package};
use sha2::{Digest as _, Sha256};

use super::{ANALYSER, Component, Entry, Fleet, Set, State, Topic, index, place};
use crate::{
    Distribution, Inventory,
    matching::{advised_name, ecosystem_of},
};

/// An image to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// What the user calls it: with the platform, its name in the index.
    pub name: String,
    /// Digest of its manifest, if it is an image.
    pub digest: Option<String>,
    /// `linux/amd64`, if it is an image.
    pub platform: Option<String>,
    /// When, in seconds since 1970.
    pub added: u64,
}

/// The name of what this analyser finds in `layers`: diff ids, the base first.
pub fn set_key(layers: &[String]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut add = |text: &str| {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    };
    add("layers");
    add(ANALYSER);
    layers.iter().for_each(|layer| add(layer));
    hasher.finalize().into()
}

/// The same for what has no layers, a root directory or a bill of materials: by what is in it.
fn content_key(inventory: &Inventory) -> Result<[u8; 32], serde_json::Error> {
    let mut hasher = Sha256::new().chain_update("content").chain_update(ANALYSER);
    hasher.update(serde_json::to_vec(inventory)?);
    Ok(hasher.finalize().into())
}

impl Fleet {
    /// What adds images; making it costs as much as there is in the index.
    pub fn adder(&mut self) -> Adder<'_> {
        let topic = |topic: &Topic| (topic.ecosystem, topic.name, topic.outweighed_by);
        Adder {
            texts: self.strings.iter().cloned().zip(0..).collect(),
            topics: self.topics.iter().map(topic).zip(0..).collect(),
            components: self.components.iter().map(Component::key).zip(0..).collect(),
            sets: self.sets.iter().map(|set| set.key).zip(0..).collect(),
            images: self.images.iter().map(Entry::key).zip(0..).collect(),
            fleet: self,
        }
    }

    /// Takes out the images that are called `name`, or whose digest begins with it (twelve digits at
    /// least); returns their names.
    pub fn remove(&mut self, name: &str) -> Vec<String> {
        const LEAST_DIGITS: usize = 12;
        let digits = name.strip_prefix("sha256:").unwrap_or(name);
        let is_digest =
            digits.len() >= LEAST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let strings = &self.strings;
        let text = |number: u32| &*strings[place(number)];
        let mut removed = Vec::new();
        self.images.retain(|entry| {
            let digest = entry.digest.map(text).unwrap_or_default();
            let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
            let meant = text(entry.name) == name || (is_digest && hex.starts_with(digits));
            if meant {
                removed.push(text(entry.name).to_owned());
            }
            !meant
        });
        removed
    }
}

/// Adds images to an index.
#[derive(Debug)]
pub struct Adder<'a> {
    fleet: &'a mut Fleet,
    texts: HashMap<Box<str>, u32>,
    topics: HashMap<(u32, u32, Option<u32>), u32>,
    components: HashMap<[u32; 7], u32>,
    sets: HashMap<[u8; 32], u32>,
    images: HashMap<(u32, Option<u32>), usize>,
}

impl Adder<'_> {
    /// Adds an image whose layers are known already (see [`set_key`]), in place of one that has its
    /// name; `false` if they are not, and have to be read.
    pub fn add_known(&mut self, image: &Added, key: &[u8; 32]) -> bool {
        let Some(set) = self.sets.get(key).copied() else { return false };
        self.put_entry(image, set);
        true
    }

    /// Adds an image in place of one that has its name. Its packages are matched by the next
    /// [`Fleet::rematch`]. `layers` is empty for what has none.
    ///
    /// # Errors
    /// If the inventory cannot be written as JSON, which no inventory of files is.
    pub fn add(
        &mut self,
        image: &Added,
        layers: &[String],
        inventory: &Inventory,
    ) -> Result<(), serde_json::Error> {
        let key = if layers.is_empty() { content_key(inventory)? } else { set_key(layers) };
        if !self.add_known(image, &key) {
            let set = self.set(key, inventory);
            let number = index(self.fleet.sets.len());
            self.fleet.sets.push(set);
            self.sets.insert(key, number);
            self.put_entry(image, number);
        }
        Ok(())
    }

    fn put_entry(&mut self, image: &Added, set: u32) {
        let entry = Entry {
            name: self.number(&image.name),
            digest: image.digest.as_deref().map(|digest| self.number(digest)),
            platform: image.platform.as_deref().map(|platform| self.number(platform)),
            added: image.added,
            set,
        };
        let next = self.fleet.images.len();
        match *self.images.entry(entry.key()).or_insert(next) {
            known if known < next => self.fleet.images[known] = entry,
            _ => self.fleet.images.push(entry),
        }
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.texts.get(text) {
            return *number;
        }
        let number = index(self.fleet.strings.len());
        self.fleet.strings.push(text.into());
        self.texts.insert(text.into(), number);
        number
    }

    fn set(&mut self, key: [u8; 32], inventory: &Inventory) -> Set {
        let distribution = inventory.distribution.as_ref();
        let ecosystem = distribution.and_then(Distribution::ecosystem);
        // As in a scan: without a package of its own a distribution outweighs nothing.
        let is_own = |package: &Package| package.kind.is_of_distribution();
        let ecosystem = ecosystem.filter(|_| inventory.packages.iter().any(is_own));
        let packages = inventory.packages.iter();
        let components: BTreeSet<u32> =
            packages.map(|package| self.component(package, ecosystem.as_deref())).collect();
        let gaps = inventory.gaps.iter().map(|gap| self.gap(gap)).collect();
        let os = distribution.map_or("", |distribution| distribution.pretty_name.as_str());
        Set {
            key,
            analyser: self.number(ANALYSER),
            os: self.number(os),
            components: components.into_iter().collect(),
            gaps,
        }
    }

    fn gap(&mut self, gap: &Gap) -> [u32; 3] {
        [self.number(&gap.rule), self.number(&gap.object), self.number(&gap.why)]
    }

    fn component(&mut self, package: &Package, distribution: Option<&str>) -> u32 {
        let topic = self.topic(package, distribution);
        let component = Component {
            topic,
            kind: self.number(package.kind.name()),
            name: self.number(&package.name),
            version: self.number(&package.version),
            source_name: self.number(&package.source.name),
            source_version: self.number(&package.source.version),
            module: package.module.as_deref().map(|module| self.number(module)),
            state: State::default(),
        };
        let next = index(self.fleet.components.len());
        let number = *self.components.entry(component.key()).or_insert(next);
        if number == next {
            self.fleet.components.push(component);
        }
        number
    }

    fn topic(&mut self, package: &Package, distribution: Option<&str>) -> u32 {
        let (ecosystem, outweighed_by) = match package.kind.is_of_distribution() {
            true => (distribution, None),
            false => (ecosystem_of(package.kind), distribution.filter(|_| package.owner.is_some())),
        };
        let ecosystem = ecosystem.unwrap_or_default();
        let name = advised_name(package, ecosystem);
        let (ecosystem, name) = (self.number(ecosystem), self.number(&name));
        let outweighed_by = outweighed_by.map(|distribution| self.number(distribution));
        let next = index(self.fleet.topics.len());
        let number = *self.topics.entry((ecosystem, name, outweighed_by)).or_insert(next);
        if number == next {
            self.fleet.topics.push(Topic { ecosystem, name, outweighed_by, ..Topic::default() });
        }
        number
    }
}

impl Component {
    /// What tells it from others.
    fn key(&self) -> [u32; 7] {
        let module = self.module.map_or(0, |module| module + 1);
        let Self { topic, kind, name, version, source_name, source_version, .. } = *self;
        [topic, kind, name, version, source_name, source_version, module]
    }
}

impl Entry {
    fn key(&self) -> (u32, Option<u32>) {
        (self.name, self.platform)
    }
}
