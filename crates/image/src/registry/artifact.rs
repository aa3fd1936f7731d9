//! Content that is no image, kept as an artefact (image-spec 1.1, "Guidelines for Artifact Usage").

use std::{collections::BTreeMap, io::Read as _, sync::Arc};

use cofferdam_oci::{
    Digest, Reference,
    image::{Descriptor, media_type},
};
use serde::{Deserialize, Serialize};

use super::{Error, Options, Repository, blob, connection::Request};
use crate::manifest::digest_of;

/// Bytes that a manifest may have.
const LARGEST_MANIFEST: u64 = 4 << 20;
/// What an artefact has in place of a configuration.
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
const EMPTY: &[u8] = b"{}";
/// The annotation that names a part.
const TITLE: &str = "org.opencontainers.image.title";

/// An artefact of a registry.
#[derive(Debug)]
pub struct Artifact {
    /// Digest of its manifest.
    pub digest: Digest,
    layers: Vec<Descriptor>,
    repository: Arc<Repository>,
}

/// A part of an artefact that is to be pushed.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it is.
    pub media_type: String,
    /// Its name.
    pub title: String,
    /// Its content.
    pub bytes: Arc<[u8]>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
}

impl Artifact {
    /// Finds what `reference` names; reads its manifest only.
    ///
    /// # Errors
    /// If the registry cannot be reached, refuses, or has no such thing.
    pub fn find(reference: &Reference, options: &Options) -> Result<Self, Error> {
        let repository = Repository::new(reference, options)?;
        let (descriptor, bytes) = repository.manifest(reference, LARGEST_MANIFEST)?;
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| {
            Error::Protocol { why: format!("the manifest is none of an artefact: {error}") }
        })?;
        let (digest, layers) = (descriptor.digest, manifest.layers);
        Ok(Self { digest, layers, repository: Arc::new(repository) })
    }

    /// Its first part of a media type.
    pub fn layer(&self, media_type: &str) -> Option<&Descriptor> {
        self.layers.iter().find(|layer| layer.media_type == media_type)
    }

    /// A blob of the repository: at most `size` bytes and one more. They are not verified: who reads
    /// them does that.
    ///
    /// # Errors
    /// If it is not there, or cannot be read to its end.
    pub fn blob(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, Error> {
        let descriptor = Descriptor {
            media_type: String::new(),
            digest: *digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
        };
        let reader = blob::Reader::open(Arc::clone(&self.repository), &descriptor)?;
        let mut bytes = Vec::new();
        reader.take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| {
            let why = format!("blob '{digest}' cannot be read: {error}");
            error.downcast::<Error>().unwrap_or(Error::Protocol { why })
        })?;
        Ok(bytes)
    }
}

/// Puts an artefact of `parts` where `reference` says; what the registry has already is not sent
/// again. Its name is moved last, when everything is there. Returns the digest of its manifest.
///
/// # Errors
/// If the registry cannot be reached or refuses.
pub fn push(
    reference: &Reference,
    artifact_type: &str,
    parts: &[Part],
    options: &Options,
) -> Result<Digest, Error> {
    let repository = Repository { pushes: true, ..Repository::new(reference, options)? };
    let empty = repository.put(EMPTY_TYPE, None, &Arc::from(EMPTY))?;
    let mut layers = Vec::with_capacity(parts.len());
    for part in parts {
        layers.push(repository.put(&part.media_type, Some(&part.title), &part.bytes)?);
    }
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(media_type::OCI_MANIFEST.to_owned()),
        artifact_type: Some(artifact_type.to_owned()),
        config: empty,
        layers,
    };
    let bytes = serde_json::to_vec(&manifest).map_err(|error| Error::Protocol {
        why: format!("the manifest cannot be written: {error}"),
    })?;
    let digest = digest_of(&bytes);
    let own = digest.to_string();
    let name = reference.digest().map(ToString::to_string);
    let name = name.as_deref().or(reference.tag()).unwrap_or("latest");
    if reference.digest().is_some_and(|expected| *expected != digest) {
        let expected = reference.digest().copied().unwrap_or(digest);
        return Err(Error::Digest { expected, actual: digest });
    }
    let bytes: Arc<[u8]> = bytes.into();
    // By its digest first: whatever becomes of the name, this one is there to stay.
    for name in [own.as_str(), name] {
        let request = Request::put_manifest(name, media_type::OCI_MANIFEST, Arc::clone(&bytes));
        let connection = repository.connect()?;
        drop(connection.get(&repository, &request)?);
        repository.release(connection);
    }
    Ok(digest)
}

impl Repository {
    /// Sends a blob, unless it is there.
    fn put(
        &self,
        media_type: &str,
        title: Option<&str>,
        bytes: &Arc<[u8]>,
    ) -> Result<Descriptor, Error> {
        let digest = digest_of(bytes);
        let name = digest.to_string();
        let connection = self.connect()?;
        let there = match connection.get(self, &Request::has_blob(&name)) {
            Ok(_) => true,
            Err(Error::NotFound { .. }) => false,
            Err(error) => return Err(error),
        };
        if !there {
            let location = connection.get(self, &Request::upload())?.header("location");
            let location = location.ok_or_else(|| Error::Protocol {
                why: "it names no place to upload to".to_owned(),
            })?;
            let request = Request::put_blob(&self.endpoint, &location, &name, Arc::clone(bytes))?;
            drop(connection.get(self, &request)?);
        }
        self.release(connection);
        let title = title.map(|title| (TITLE.to_owned(), title.to_owned()));
        Ok(Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size: bytes.len() as u64,
            platform: None,
            annotations: title.into_iter().collect(),
        })
    }
}
