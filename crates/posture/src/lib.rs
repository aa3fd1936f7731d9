//! Posture: what is wrong with an image besides vulnerable packages.
//!
//! [`secret`] finds secrets in files, [`image`] judges the configuration of an image and what its
//! layers hold, [`dockerfile`] parses what images are built from, [`lint`] judges that. Pure: bytes
//! and dates come in as arguments, findings go out; nothing here opens a file, reads a clock or
//! prints. Start at [`secret::Engine`], [`image::evaluate`], [`lint::lint`].

pub mod dockerfile;
pub mod image;
pub mod layer;
pub mod lint;
pub mod secret;
pub mod shell;
