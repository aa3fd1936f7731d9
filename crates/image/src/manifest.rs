//! From a descriptor to the image of one platform: indexes, manifests, configurations.

use std::{collections::BTreeSet, io::Read, sync::Arc};

use cofferdam_oci::{
    Digest, Platform,
    image::{Configuration, Descriptor, Index, Manifest, media_type},
};
use serde::{Deserialize, de::DeserializeOwned, de::IgnoredAny};
use sha2::{Digest as _, Sha256};

use crate::{Blobs, Documents, Error, Image, Layer, Limits, OpenOptions};

/// Indexes within indexes that are followed. Real ones have one, or two in a layout.
const DEPTH: usize = 8;
/// Manifests of all indexes together that are looked at.
const MANIFESTS: usize = 4096;

/// The image that `descriptors` stand for: the manifests and indexes of one name, of which the
/// platform in `options` is chosen.
///
/// # Errors
/// If a document cannot be had or is malformed, or there is no image for the platform.
pub fn image_from(
    descriptors: &[Descriptor],
    name: &str,
    blobs: Arc<dyn Blobs>,
    options: &OpenOptions,
) -> Result<Image, Error> {
    let mut found = Found::default();
    for descriptor in descriptors {
        found.collect(descriptor, &*blobs, &options.limits, 0)?;
    }
    let descriptor = found.choose(name, options.platform.as_ref(), &*blobs, &options.limits)?;
    load(&descriptor, name, blobs, &options.limits)
}

/// Manifests that may be the wanted one.
#[derive(Default)]
struct Found {
    manifests: Vec<Descriptor>,
    seen: BTreeSet<Digest>,
    unknown: Option<Descriptor>,
}

impl Found {
    fn collect(
        &mut self,
        descriptor: &Descriptor,
        blobs: &dyn Blobs,
        limits: &Limits,
        depth: usize,
    ) -> Result<(), Error> {
        if !self.seen.insert(descriptor.digest) {
            return Ok(());
        }
        if self.seen.len() > MANIFESTS || depth > DEPTH {
            let object = descriptor.digest.to_string();
            let (what, limit) = if depth > DEPTH {
                ("indexes within indexes", DEPTH)
            } else {
                ("manifests", MANIFESTS)
            };
            return Err(Error::Limit { object, what, limit: limit as u64 });
        }
        match descriptor.media_type.as_str() {
            media_type::OCI_INDEX | media_type::DOCKER_INDEX => {
                let bytes = document("index", descriptor, blobs, limits)?;
                let index: Index = parse_checked("index", descriptor, &bytes)?;
                for mut inner in index.manifests {
                    inner.platform = inner.platform.or_else(|| descriptor.platform.clone());
                    self.collect(&inner, blobs, limits, depth + 1)?;
                }
            }
            media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST => {
                if !is_attestation(descriptor) {
                    self.manifests.push(descriptor.clone());
                }
            }
            // An index may list what only other programs understand (image-index.md); that is an
            // error only if nothing else is there.
            _ => self.unknown = Some(descriptor.clone()),
        }
        Ok(())
    }

    fn choose(
        self,
        name: &str,
        asked: Option<&Platform>,
        blobs: &dyn Blobs,
        limits: &Limits,
    ) -> Result<Descriptor, Error> {
        match (self.manifests.as_slice(), self.unknown) {
            ([], Some(unknown)) => {
                return Err(Error::MediaType {
                    what: "manifest",
                    digest: unknown.digest,
                    media_type: unknown.media_type,
                });
            }
            ([only], _) if asked.is_none() => return Ok(only.clone()),
            _ => {}
        }
        let wanted = asked.cloned().unwrap_or_else(Platform::host);
        let mut available = Vec::new();
        for manifest in &self.manifests {
            let platform = match &manifest.platform {
                Some(platform) => platform.clone(),
                None => platform_of(manifest, blobs, limits)?,
            };
            if platform.satisfies(&wanted) {
                return Ok(manifest.clone());
            }
            available.push(platform.to_string());
        }
        available.sort();
        available.dedup();
        Err(Error::Platform { name: name.to_owned(), wanted, available })
    }
}

/// BuildKit lists provenance and SBOMs as manifests for the platform `unknown/unknown`.
fn is_attestation(descriptor: &Descriptor) -> bool {
    descriptor.annotations.get("vnd.docker.reference.type").map(String::as_str)
        == Some("attestation-manifest")
        || descriptor.platform.as_ref().is_some_and(|platform| platform.os == "unknown")
}

/// The platform that the configuration of a manifest names.
fn platform_of(
    descriptor: &Descriptor,
    blobs: &dyn Blobs,
    limits: &Limits,
) -> Result<Platform, Error> {
    let bytes = document("manifest", descriptor, blobs, limits)?;
    let manifest: Manifest = parse_checked("manifest", descriptor, &bytes)?;
    let bytes = document("configuration", &manifest.config, blobs, limits)?;
    Ok(platform(&parse("configuration", &manifest.config.digest.to_string(), &bytes)?))
}

/// The image of one manifest.
fn load(
    descriptor: &Descriptor,
    name: &str,
    blobs: Arc<dyn Blobs>,
    limits: &Limits,
) -> Result<Image, Error> {
    let bytes = document("manifest", descriptor, &*blobs, limits)?;
    let manifest: Manifest = parse_checked("manifest", descriptor, &bytes)?;
    let config = &manifest.config;
    if !matches!(config.media_type.as_str(), media_type::OCI_CONFIG | media_type::DOCKER_CONFIG) {
        return Err(Error::MediaType {
            what: "configuration",
            digest: config.digest,
            media_type: config.media_type.clone(),
        });
    }
    let documents = Documents {
        manifest: bytes,
        manifest_media_type: descriptor.media_type.clone(),
        configuration: document("configuration", config, &*blobs, limits)?,
    };
    assemble(name, descriptor.digest, manifest.layers, documents, blobs, limits)
}

/// An image of documents whose digests are known to be right.
pub(crate) fn assemble(
    name: &str,
    manifest: Digest,
    layers: Vec<Descriptor>,
    documents: Documents,
    blobs: Arc<dyn Blobs>,
    limits: &Limits,
) -> Result<Image, Error> {
    let object = || manifest.to_string();
    if layers.len() > limits.layers {
        let limit = limits.layers as u64;
        return Err(Error::Limit { object: object(), what: "layers", limit });
    }
    let configuration: Configuration = parse("configuration", &object(), &documents.configuration)?;
    let diff_ids = &configuration.rootfs.diff_ids;
    if diff_ids.len() != layers.len() {
        return Err(Error::Malformed {
            what: "manifest",
            object: object(),
            why: format!(
                "it has {} layers, and its configuration {} diff_ids",
                layers.len(),
                diff_ids.len()
            ),
        });
    }
    let layers = layers
        .into_iter()
        .zip(diff_ids)
        .map(|(descriptor, diff_id)| Layer { descriptor, diff_id: *diff_id })
        .collect();
    Ok(Image {
        name: name.to_owned(),
        manifest,
        platform: platform(&configuration),
        configuration,
        layers,
        blobs,
        documents,
    })
}

fn platform(configuration: &Configuration) -> Platform {
    Platform {
        os: configuration.os.clone(),
        architecture: configuration.architecture.clone(),
        variant: configuration.variant.clone(),
    }
}

/// The bytes of a small blob, which have the size and the digest of `descriptor`.
pub(crate) fn document(
    what: &'static str,
    descriptor: &Descriptor,
    blobs: &dyn Blobs,
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    let digest = descriptor.digest;
    if descriptor.size > limits.document {
        let object = digest.to_string();
        return Err(Error::Limit { object, what: "bytes of a document", limit: limits.document });
    }
    let mut bytes = Vec::new();
    blobs
        .open(descriptor)?
        .take(descriptor.size + 1)
        .read_to_end(&mut bytes)
        .map_err(Error::io("read", digest.to_string()))?;
    let actual = bytes.len() as u64;
    if actual != descriptor.size {
        return Err(Error::Size { what, digest, expected: descriptor.size, actual });
    }
    let actual = digest_of(&bytes);
    if actual != digest {
        return Err(Error::Digest { what, expected: digest, actual });
    }
    Ok(bytes)
}

pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

pub(crate) fn parse<T: DeserializeOwned>(
    what: &'static str,
    object: &str,
    bytes: &[u8],
) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Document {
        what,
        object: object.to_owned(),
        source,
    })
}

/// As [`parse`], for what may be an index or a manifest: a document that could be taken for either
/// is refused, as image-spec asks (manifest.md, `mediaType`).
fn parse_checked<T: DeserializeOwned>(
    what: &'static str,
    descriptor: &Descriptor,
    bytes: &[u8],
) -> Result<T, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Probe {
        schema_version: Option<u64>,
        media_type: Option<String>,
        manifests: Option<IgnoredAny>,
        layers: Option<IgnoredAny>,
    }
    let object = descriptor.digest.to_string();
    let probe: Probe = parse(what, &object, bytes)?;
    let why = if probe.schema_version != Some(2) {
        "its schemaVersion is not 2".to_owned()
    } else if probe.manifests.is_some() && probe.layers.is_some() {
        "it has both 'manifests' and 'layers'".to_owned()
    } else if let Some(inner) = probe.media_type.filter(|inner| *inner != descriptor.media_type) {
        format!(
            "it is called '{}' where it is named, and '{inner}' in itself",
            descriptor.media_type
        )
    } else {
        return parse(what, &object, bytes);
    };
    Err(Error::Malformed { what, object, why })
}
