//! Tar files that hold an image: indexed once, then read at any place.

pub(crate) mod docker;
mod index;

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

pub(crate) use index::{Index, Section};

use crate::{Limits, layer::Compression};

/// What an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// An OCI image layout.
    Oci,
    /// What `docker save` writes: `manifest.json` beside configuration and layers. New versions
    /// write an OCI layout into the same file.
    Docker,
    /// Something compressed as a whole.
    Compressed,
}

/// What the file at `path` is; `None` if it is no archive that holds an image.
///
/// # Errors
/// If the file cannot be opened. One that is no tar file is simply not recognised.
pub(crate) fn recognise(path: &Path) -> io::Result<Option<Format>> {
    let mut head = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut head)?;
    if Compression::detect(&head).is_some() {
        return Ok(Some(Format::Compressed));
    }
    let Ok(index) = Index::new(File::open(path)?, path, &Limits::default()) else {
        return Ok(None);
    };
    Ok(if index.contains("manifest.json") {
        Some(Format::Docker)
    } else if index.contains("oci-layout") && index.contains("index.json") {
        Some(Format::Oci)
    } else {
        None
    })
}
