use std::{error, io};

use cofferdam_oci::{Digest, Platform};

use crate::tar::TarError;

/// Why an image, or a part of it, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("could not {action} '{object}'")]
    Io {
        /// What was tried: `open`, `read`.
        action: &'static str,
        /// On what.
        object: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A manifest, index or configuration is not what its media type says.
    #[error("could not understand {what} '{object}'")]
    Document {
        /// What it should be: `manifest`.
        what: &'static str,
        /// Its digest or path.
        object: String,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// A manifest, index or configuration breaks a rule of the specification.
    #[error("{what} '{object}' is not usable: {why}")]
    Malformed {
        /// What it should be: `manifest`.
        what: &'static str,
        /// Its digest or path.
        object: String,
        /// The rule it breaks.
        why: String,
    },
    /// Content has another digest than the one it was asked for by.
    #[error("{what} '{expected}' is corrupt: its content has digest '{actual}'")]
    Digest {
        /// What it should be: `layer`.
        what: &'static str,
        /// The digest that names it.
        expected: Digest,
        /// The digest of what was read.
        actual: Digest,
    },
    /// Content is longer or shorter than its descriptor says.
    #[error("{what} '{digest}' is corrupt: {actual} bytes where its descriptor says {expected}")]
    Size {
        /// What it should be: `layer`.
        what: &'static str,
        /// The digest that names it.
        digest: Digest,
        /// Bytes by the descriptor.
        expected: u64,
        /// Bytes found; where there are more than expected, how many were read before giving up.
        actual: u64,
    },
    /// A blob that a manifest names is not there.
    #[error("blob '{digest}' is missing from '{place}'")]
    MissingBlob {
        /// Its digest.
        digest: Digest,
        /// Where it was looked for.
        place: String,
    },
    /// A media type that this program does not know.
    #[error("{what} '{digest}' has unknown media type '{media_type}'")]
    MediaType {
        /// What it should be: `manifest`, `layer`.
        what: &'static str,
        /// Its digest.
        digest: Digest,
        /// The media type.
        media_type: String,
    },
    /// A multi-platform image has none for the platform that was asked for.
    #[error("'{name}' has no image for platform '{wanted}' (it has: {})", list(available))]
    Platform {
        /// The image.
        name: String,
        /// What was asked for.
        wanted: Platform,
        /// What is there.
        available: Vec<String>,
    },
    /// A layout or archive does not hold an image by this name.
    #[error("'{place}' holds no image named '{tag}' (it has: {})", list(available))]
    Tag {
        /// The layout or archive.
        place: String,
        /// The tag or name.
        tag: String,
        /// What is there.
        available: Vec<String>,
    },
    /// A layout or archive holds several images and none was named.
    #[error("'{place}' holds several images; name one of them ({})", list(available))]
    Ambiguous {
        /// The layout or archive.
        place: String,
        /// What is there.
        available: Vec<String>,
    },
    /// The archive that a layer (or an image) is in breaks the format.
    #[error("could not read the tar archive of '{object}'")]
    Tar {
        /// The layer's digest, or the archive's path.
        object: String,
        /// What is wrong, and where.
        source: TarError,
    },
    /// Compressed content breaks its format, or ends early.
    #[error("could not decompress layer '{layer}'")]
    Decompress {
        /// Digest of the layer as stored.
        layer: Digest,
        /// What the decompressor says.
        source: io::Error,
    },
    /// The target is in the store or in a registry, where [`crate::locate`] looks.
    #[error("could not open '{0}': it is not a layout, an archive or a directory")]
    Elsewhere(String),
    /// More than a limit allows.
    #[error("'{object}' exceeds the limit of {limit} {what}")]
    Limit {
        /// The layer, document or archive.
        object: String,
        /// What is limited, as a plural: `uncompressed bytes`.
        what: &'static str,
        /// How many are allowed.
        limit: u64,
    },
    /// A source of blobs other than files (a registry, the store) failed, or the consumer of a
    /// layer's entries did.
    #[error("could not {action} '{object}'")]
    Other {
        /// What was tried.
        action: &'static str,
        /// On what.
        object: String,
        /// Why it failed.
        source: Box<dyn error::Error + Send + Sync>,
    },
}

impl Error {
    /// For `map_err`: `action` failed on `object`.
    pub(crate) fn io(
        action: &'static str,
        object: impl Into<String>,
    ) -> impl FnOnce(io::Error) -> Self {
        let object = object.into();
        move |source| Self::Io { action, object, source }
    }
}

/// The first of `available`, as a sentence lists them: an image index may have hundreds.
fn list(available: &[String]) -> String {
    const SHOWN: usize = 20;
    if available.is_empty() {
        return "none".to_owned();
    }
    let mut text = available.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if available.len() > SHOWN {
        text.push_str(", …");
    }
    text
}
