//! Databases for other machines: published once, signed, fetched as small differences.
//!
//! A publication is a directory of immutable files (whole databases, and deltas from earlier ones to
//! the newest) and one small document that is replaced: a signed [`Manifest`] which names them with
//! sizes and digests, carries a counter that only rises and a day on which it expires. It can lie on a
//! web server, a medium that is carried, or as an artefact in a registry. Nothing of it is believed
//! but what a trusted key has signed and what has the digest that was signed.
//!
//! Start at [`publish`] to make one, at [`update`] to follow one. Moments come in as arguments.

mod envelope;
mod follow;
mod key;
mod location;
mod manifest;
mod publish;
mod state;

pub use envelope::{Envelope, EnvelopeError, MAX_ENVELOPE, PAYLOAD_TYPE};
pub use follow::{Follow, How, Outcome, UpdateError, update};
pub use key::{KeyError, PublicKey, SigningKey};
pub use location::{Location, LocationError};
pub use manifest::{Delta, File, Manifest, ManifestError, SCHEMA_VERSION};
pub use publish::{Plan, PublishError, Published, publish};
pub use state::{Seen, State, StateError};

/// The document that names all others, below the root of a publication.
pub const DOCUMENT: &str = "publication.json";

/// What a publication is in a registry.
pub const ARTIFACT_TYPE: &str = "application/vnd.cofferdam.publication.v1";
/// What its signed document is there.
pub const DOCUMENT_TYPE: &str = "application/vnd.cofferdam.publication.v1.dsse+json";
/// What its other files are there.
pub const FILE_TYPE: &str = "application/vnd.cofferdam.publication.v1.file";

/// The digest of bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
