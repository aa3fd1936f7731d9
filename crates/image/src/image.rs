use std::{fmt, io::Read, sync::Arc};

use cofferdam_oci::{
    Digest, Platform,
    image::{Configuration, Descriptor},
};

use crate::Error;

/// An image of one platform: its documents, and where its layers are read from.
#[derive(Clone)]
pub struct Image {
    /// What the user called it, for messages and reports.
    pub name: String,
    /// Digest of the manifest. Where the source has none (a docker-archive), that of the manifest
    /// which describes the same content.
    pub manifest: Digest,
    /// The platform that it runs on.
    pub platform: Platform,
    /// The configuration.
    pub configuration: Configuration,
    /// The layers, the base first.
    pub layers: Vec<Layer>,
    /// The stored bytes of the layers, the manifest and the configuration.
    pub blobs: Arc<dyn Blobs>,
    /// The manifest and the configuration as bytes, for who keeps the image elsewhere.
    pub documents: Documents,
}

/// The documents of an image, byte for byte: their digests are the image's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// The manifest; [`Image::manifest`] is its digest.
    pub manifest: Vec<u8>,
    /// Media type of the manifest.
    pub manifest_media_type: String,
    /// The configuration.
    pub configuration: Vec<u8>,
}

/// A layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Media type, digest and size as stored.
    pub descriptor: Descriptor,
    /// Digest of the uncompressed tar.
    pub diff_id: Digest,
}

/// Where the stored bytes of an image come from: a layout, an archive, the store, a registry.
pub trait Blobs: Send + Sync {
    /// The bytes of the blob, as stored. They are not verified: who reads them does that.
    ///
    /// # Errors
    /// [`Error::MissingBlob`] if it is not there, [`Error::Io`] or [`Error::Other`] if the source
    /// failed.
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error>;
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("name", &self.name)
            .field("manifest", &self.manifest)
            .field("platform", &self.platform)
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}
