//! The facts that posture rules are judged on, gathered while layers are read.

use std::io::{self, Read};

use cofferdam_image::{
    Survey, Surveyor,
    tar::{EntryHeader, EntryKind},
};
use cofferdam_posture::layer::{Collector, Entry, Kind, LayerFacts, Wanted};

/// Collects what is wanted of each layer.
#[derive(Debug)]
pub(super) struct Posture {
    wanted: Wanted,
    name: String,
}

impl Posture {
    /// `None` if nothing is wanted: then nobody looks on.
    pub(super) fn new(wanted: Wanted) -> Option<Self> {
        (wanted.secrets || wanted.configuration).then(|| Self { wanted, name: wanted.name() })
    }

    /// What a survey said; `None` if it is not what this one says.
    pub(super) fn facts(answer: &[u8]) -> Option<LayerFacts> {
        serde_json::from_slice(answer).ok()
    }
}

impl Survey for Posture {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin(&self) -> Box<dyn Surveyor + '_> {
        Box::new(Layer(Collector::new(self.wanted)))
    }
}

struct Layer(Collector);

impl Surveyor for Layer {
    fn entry(&mut self, entry: &EntryHeader, content: &mut dyn Read) -> io::Result<()> {
        let path = String::from_utf8_lossy(&entry.path);
        let kind = match &entry.kind {
            EntryKind::File | EntryKind::Hardlink(_) => Kind::File,
            EntryKind::Directory => Kind::Directory,
            // What whiteouts of overlayfs are made of is no device.
            EntryKind::CharacterDevice { major: 0, minor: 0 } => Kind::Other,
            EntryKind::CharacterDevice { .. } | EntryKind::BlockDevice { .. } => Kind::Device,
            _ => Kind::Other,
        };
        let EntryHeader { mode, uid: owner, size, .. } = *entry;
        self.0.entry(Entry { path: &path, kind, mode, owner, size }, content)
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        // Texts and numbers cannot fail to be written.
        serde_json::to_vec(&self.0.finish()).unwrap_or_default()
    }
}
