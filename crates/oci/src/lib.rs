//! OCI data: digests, references, platforms, image-spec and runtime-spec types.
//!
//! Pure data: nothing here opens a file, dials a host or reads a clock. Types carry their
//! preconditions, so that a [`Digest`] or a [`Reference`] is checked once, where it enters.
//!
//! Start at [`image`] for what an image consists of, at [`runtime`] for what a container is
//! started from.

mod digest;
pub mod image;
mod platform;
mod reference;
pub mod runtime;

pub use digest::{Digest, DigestError};
pub use platform::{Platform, PlatformError};
pub use reference::{Reference, ReferenceError};
