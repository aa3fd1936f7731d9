//! Images and other artefacts in registries (distribution-spec 1.1).
//!
//! [`open`] resolves a reference to the image of one platform; its blobs are then streamed as they
//! are read, several at a time if the reader does so ([`crate::store::Store::import`]), in bounded
//! memory, and resumed where a connection breaks. Everything that comes is verified by who reads
//! it: documents here, layers while they are walked or stored.
//!
//! Secrets are held as [`Secret`]: they appear in no message, no log and no `Debug`. They are sent
//! to the registry that they are for and to the token service that it names, and never in clear
//! text on the way to another machine unless the registry was declared insecure.

mod artifact;
mod blob;
mod challenge;
mod connection;
mod credential;
mod error;
mod secret;
mod token;

use std::{
    io::Read,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use cofferdam_oci::{
    Digest, Reference,
    image::{Descriptor, media_type},
};
use serde::Deserialize;

pub use artifact::{Artifact, Part, push};
pub use credential::{AuthFile, AuthFiles, CredentialError};
pub use error::Error;
pub use secret::Secret;

use crate::{Blobs, Image, OpenOptions, image_from, manifest::digest_of};
use connection::{Connection, Endpoint, Request};
use token::Authorization;

/// How registries are reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// Refuse to reach any.
    pub offline: bool,
    /// Registries (`host` or `host:port`) that are spoken to without TLS, besides those on this
    /// machine's loopback interface.
    pub insecure: Vec<String>,
    /// Where credentials are looked up.
    pub auth_files: AuthFiles,
    /// To establish a connection.
    pub connect_timeout: Duration,
    /// Between two pieces of an answer.
    pub read_timeout: Duration,
    /// Before the second attempt; the time doubles with each one.
    pub backoff: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            offline: false,
            insecure: Vec::new(),
            auth_files: AuthFiles::from_environment(),
            connect_timeout: Duration::from_secs(15),
            read_timeout: Duration::from_secs(60),
            backoff: Duration::from_secs(1),
        }
    }
}

/// Finds the image that `reference` names, of the platform in `open`; reads documents, no layer.
///
/// # Errors
///
/// [`crate::Error::Other`] with an [`Error`] as source if the registry cannot be reached, refuses,
/// or has no such image; [`crate::Error::Platform`] if it has none for the platform.
pub fn open(
    reference: &Reference,
    options: &OpenOptions,
    registry: &Options,
) -> Result<Image, crate::Error> {
    let name = reference.to_string();
    let repository = Repository::new(reference, registry).map_err(|error| crate::Error::Other {
        action: "pull",
        object: name.clone(),
        source: Box::new(error),
    })?;
    let failed = |error| repository.failed("pull", &name)(error);
    let (descriptor, bytes) =
        repository.manifest(reference, options.limits.document).map_err(failed)?;
    let blobs =
        RegistryBlobs { repository: Arc::new(repository), first: (descriptor.digest, bytes) };
    image_from(&[descriptor], &name, Arc::new(blobs), options)
}

/// A repository of a registry, and the connections to it that wait for work.
#[derive(Debug)]
pub(crate) struct Repository {
    endpoint: Endpoint,
    name: String,
    options: Options,
    /// Whether something is to be put there.
    pushes: bool,
    authorization: Mutex<Authorization>,
    idle: Mutex<Vec<Connection>>,
}

impl Repository {
    fn new(reference: &Reference, options: &Options) -> Result<Self, Error> {
        if options.offline {
            return Err(Error::Offline { registry: reference.registry().to_owned() });
        }
        let endpoint = Endpoint::find(reference.registry(), options)?;
        Ok(Self {
            endpoint,
            name: reference.repository().to_owned(),
            options: options.clone(),
            pushes: false,
            authorization: Mutex::new(Authorization::None),
            idle: Mutex::default(),
        })
    }

    fn connect(&self) -> Result<Connection, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| Connection::new(&self.endpoint, &self.options), Ok)
    }

    fn release(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    fn failed(
        &self,
        action: &'static str,
        object: &str,
    ) -> impl FnOnce(Error) -> crate::Error + use<> {
        let object = object.to_owned();
        move |error| crate::Error::Other { action, object, source: Box::new(error) }
    }

    /// The document that the tag or digest stands for now.
    fn manifest(&self, reference: &Reference, limit: u64) -> Result<(Descriptor, Vec<u8>), Error> {
        let digest = reference.digest().map(ToString::to_string);
        let wanted = digest.as_deref().or(reference.tag()).unwrap_or("latest");
        let request = Request::manifest(wanted);
        let connection = self.connect()?;
        let answer = connection.get(self, &request)?;
        let content_type = answer.header("content-type");
        let announced = answer.header("docker-content-digest");
        let bytes = answer.body(limit)?;
        self.release(connection);

        let digest = digest_of(&bytes);
        let announced = announced.and_then(|text| text.parse::<Digest>().ok());
        for expected in [reference.digest().copied(), announced].into_iter().flatten() {
            if expected != digest {
                return Err(Error::Digest { expected, actual: digest });
            }
        }
        let media_type = manifest_type(content_type.as_deref(), &bytes)?;
        let size = bytes.len() as u64;
        let annotations = Default::default();
        Ok((Descriptor { media_type, digest, size, platform: None, annotations }, bytes))
    }
}

/// What kind of document it is: what it says itself, else what the registry says.
fn manifest_type(content_type: Option<&str>, bytes: &[u8]) -> Result<String, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Probe {
        schema_version: Option<u32>,
        media_type: Option<String>,
    }
    let why = |why: String| Error::Protocol { why };
    let probe: Probe = serde_json::from_slice(bytes)
        .map_err(|error| why(format!("the manifest is not what was asked for: {error}")))?;
    if probe.schema_version == Some(1) {
        return Err(why("the manifest has Docker's schema 1, which cannot be verified".to_owned()));
    }
    let announced = content_type.and_then(|text| text.split(';').next()).map(str::trim);
    let known = announced.filter(|text| MANIFESTS.contains(text)).map(str::to_owned);
    probe.media_type.or(known).ok_or_else(|| {
        let announced = announced.unwrap_or("none").escape_debug().to_string();
        why(format!("the manifest has an unknown media type: {announced}"))
    })
}

/// Documents that are fetched as manifests.
const MANIFESTS: [&str; 4] = [
    media_type::OCI_INDEX,
    media_type::OCI_MANIFEST,
    media_type::DOCKER_INDEX,
    media_type::DOCKER_MANIFEST,
];

/// The blobs of an image in a registry.
struct RegistryBlobs {
    repository: Arc<Repository>,
    /// The document that was read to resolve the reference.
    first: (Digest, Vec<u8>),
}

impl Blobs for RegistryBlobs {
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, crate::Error> {
        if descriptor.digest == self.first.0 {
            return Ok(Box::new(std::io::Cursor::new(self.first.1.clone())));
        }
        let failed = self.repository.failed("fetch", &descriptor.digest.to_string());
        let reader =
            blob::Reader::open(Arc::clone(&self.repository), descriptor).map_err(failed)?;
        Ok(Box::new(reader))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_says_itself_what_it_is() {
        let of = |content_type, body: &str| manifest_type(content_type, body.as_bytes());
        let own = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json"}"#;
        assert_eq!(of(Some("text/plain"), own).unwrap(), media_type::OCI_INDEX);
        let silent = r#"{"schemaVersion":2}"#;
        let typed = Some("application/vnd.oci.image.manifest.v1+json; charset=utf-8");
        assert_eq!(of(typed, silent).unwrap(), media_type::OCI_MANIFEST);
        for (content_type, body) in [
            (Some("text/html"), silent),
            (None, silent),
            (typed, "<html>"),
            (typed, r#"{"schemaVersion":1,"fsLayers":[]}"#),
        ] {
            assert!(matches!(of(content_type, body), Err(Error::Protocol { .. })), "{body}");
        }
    }
}
