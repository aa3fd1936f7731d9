//! Archives as `docker save` writes them: `manifest.json`, configurations and layers.
//!
//! Old versions store layers as `<id>/layer.tar`, equal ones as links; new ones (25 on) store an
//! OCI layout as well, whose index then tells the true digests of manifest and layers.

use std::{collections::HashMap, io::Read, sync::Arc};

use cofferdam_oci::{
    Digest, Reference,
    image::{Configuration, Descriptor, Manifest, media_type},
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Index, Section};
use crate::{
    Blobs, Documents, Error, Image, OpenOptions,
    layer::Compression,
    layout,
    manifest::{assemble, digest_of, image_from, parse},
};

const MANIFEST: &str = "manifest.json";

/// One image of `manifest.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

impl Saved {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.repo_tags.iter().flatten().map(String::as_str)
    }
}

/// The image called `tag`, or the only one there is.
pub(crate) fn open(
    archive: Arc<Index>,
    name: &str,
    tag: Option<&str>,
    options: &OpenOptions,
) -> Result<Image, Error> {
    let object = format!("{}/{MANIFEST}", archive.place());
    let saved: Vec<Saved> =
        parse("manifest", &object, &archive.document(MANIFEST, &options.limits)?)?;
    let chosen = choose(&saved, tag, &archive)?;
    if let Some(image) = from_layout(&archive, chosen, name, options)? {
        return Ok(image);
    }
    from_members(archive, chosen, name, options)
}

fn choose<'a>(saved: &'a [Saved], tag: Option<&str>, archive: &Index) -> Result<&'a Saved, Error> {
    let available = || {
        let names = |image: &Saved| match image.names().next() {
            Some(_) => image.names().map(str::to_owned).collect(),
            None => vec![image.config.clone()],
        };
        saved.iter().flat_map(names).collect::<Vec<_>>()
    };
    let place = archive.place();
    match (saved, tag) {
        ([only], None) => Ok(only),
        ([], _) => Err(Error::Malformed {
            what: "archive",
            object: place,
            why: "its manifest.json lists no image".to_owned(),
        }),
        (_, None) => Err(Error::Ambiguous { place, available: available() }),
        (_, Some(tag)) => saved
            .iter()
            .find(|image| {
                image.names().any(|name| same_name(name, tag)) || image.config.contains(tag)
            })
            .ok_or_else(|| Error::Tag { place, tag: tag.to_owned(), available: available() }),
    }
}

/// Whether two names, one perhaps shortened, are the same reference.
pub(crate) fn same_name(name: &str, wanted: &str) -> bool {
    let reference = |text: &str| text.parse::<Reference>().ok();
    name == wanted || reference(name).is_some_and(|name| Some(name) == reference(wanted))
}

/// The image by the OCI layout in the same file, if there is one that tells of it.
fn from_layout(
    archive: &Arc<Index>,
    chosen: &Saved,
    name: &str,
    options: &OpenOptions,
) -> Result<Option<Image>, Error> {
    if !archive.contains("oci-layout") || !archive.contains("index.json") {
        return Ok(None);
    }
    let (_, index) = layout::index_of_archive(archive, options)?;
    let tagged: Vec<Descriptor> = index
        .manifests
        .iter()
        .filter(|found| {
            chosen.names().any(|name| layout::is_named(found, name)) || index.manifests.len() == 1
        })
        .cloned()
        .collect();
    if tagged.is_empty() {
        return Ok(None);
    }
    let blobs: Arc<dyn Blobs> = Arc::new(layout::Members(Arc::clone(archive)));
    let image = match image_from(&tagged, name, blobs, options) {
        // A save of one platform may keep the index that names all of them.
        Err(Error::MissingBlob { .. } | Error::Platform { .. }) if options.platform.is_none() => {
            return Ok(None);
        }
        image => image?,
    };
    let saved = digest_of(&archive.document(&chosen.config, &options.limits)?);
    if options.platform.is_some() || saved == digest_of(&image.documents.configuration) {
        return Ok(Some(image));
    }
    if tagged.iter().any(|found| found.digest == image.manifest) {
        // Which of the two is loaded would depend on the program that loads it.
        let why = "its manifest.json and its index.json describe different images".to_owned();
        return Err(Error::Malformed { what: "archive", object: archive.place(), why });
    }
    Ok(None)
}

/// The image by `manifest.json` alone. It gets the manifest that a registry would have for it.
fn from_members(
    archive: Arc<Index>,
    chosen: &Saved,
    name: &str,
    options: &OpenOptions,
) -> Result<Image, Error> {
    let limits = &options.limits;
    let configuration = archive.document(&chosen.config, limits)?;
    let config_digest = digest_of(&configuration);
    if let Some(expected) = digest_in(&chosen.config).filter(|named| *named != config_digest) {
        let actual = config_digest;
        return Err(Error::Digest { what: "configuration", expected, actual });
    }
    let parsed: Configuration = parse("configuration", &chosen.config, &configuration)?;
    let mut members = HashMap::new();
    let mut layers = Vec::new();
    for (position, member) in chosen.layers.iter().flatten().enumerate() {
        if layers.len() >= limits.layers {
            let limit = limits.layers as u64;
            return Err(Error::Limit { object: archive.place(), what: "layers", limit });
        }
        let diff_id = parsed.rootfs.diff_ids.get(position).copied();
        let descriptor = describe(&archive, member, diff_id)?;
        members.insert(descriptor.digest, member.clone());
        layers.push(descriptor);
    }
    let config = Descriptor {
        media_type: media_type::DOCKER_CONFIG.to_owned(),
        digest: config_digest,
        size: configuration.len() as u64,
        platform: None,
        annotations: Default::default(),
    };
    members.insert(config_digest, chosen.config.clone());
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(media_type::DOCKER_MANIFEST.to_owned()),
        config,
        layers: layers.clone(),
        annotations: Default::default(),
    };
    let manifest = serde_json::to_vec(&manifest).map_err(|source| Error::Document {
        what: "manifest",
        object: archive.place(),
        source,
    })?;
    let digest = digest_of(&manifest);
    let manifest_media_type = media_type::DOCKER_MANIFEST.to_owned();
    let documents = Documents { manifest, manifest_media_type, configuration };
    assemble(name, digest, layers, documents, Arc::new(Members { archive, members }), limits)
}

/// What `manifest.json` does not say of a layer. An uncompressed one has the digest that the
/// configuration names; a compressed one must be read for it, unless its name tells.
fn describe(archive: &Index, member: &str, diff_id: Option<Digest>) -> Result<Descriptor, Error> {
    let read = |source| Error::io("read", format!("{}/{member}", archive.place()))(source);
    let section = archive.require(member)?;
    let size = section.remaining();
    let mut head = Vec::new();
    archive.require(member)?.take(4).read_to_end(&mut head).map_err(read)?;
    let (media_type, known) = match Compression::detect(&head) {
        None => (media_type::DOCKER_LAYER, diff_id),
        Some(Compression::Gzip) => (media_type::DOCKER_LAYER_GZIP, digest_in(member)),
        Some(Compression::Zstd) => (media_type::OCI_LAYER_ZSTD, digest_in(member)),
    };
    let digest = match known {
        Some(digest) => digest,
        None => hash(section).map_err(read)?,
    };
    let (platform, annotations) = Default::default();
    Ok(Descriptor { media_type: media_type.to_owned(), digest, size, platform, annotations })
}

fn hash(mut section: Section) -> std::io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match section.read(&mut buffer)? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// The digest in the name of a member: `blobs/sha256/<hex>`, `<hex>.json`, `<hex>.tar`.
///
/// The directory in `<id>/layer.tar` is a digest of something else.
fn digest_in(member: &str) -> Option<Digest> {
    let name = member.rsplit('/').next()?;
    let hex = name.split('.').next()?;
    format!("sha256:{hex}").parse().ok()
}

/// The blobs by the names that `manifest.json` gives them.
struct Members {
    archive: Arc<Index>,
    members: HashMap<Digest, String>,
}

impl Blobs for Members {
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        let digest = descriptor.digest;
        let missing = || Error::MissingBlob { digest, place: self.archive.place() };
        let member = self.members.get(&digest).ok_or_else(missing)?;
        Ok(Box::new(self.archive.open(member)?.ok_or_else(missing)?))
    }
}
