//! Where a publication is.

use std::{
    fmt,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use cofferdam_image::{
    Progress,
    download::{self, Outcome, Version},
    registry::{self, Artifact},
};
use cofferdam_oci::{Digest, Reference};

use super::{DOCUMENT, DOCUMENT_TYPE, File, MAX_ENVELOPE};
use crate::place::read_bounded;

/// Where a publication is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A directory of this machine: a mirror, a medium.
    Directory(PathBuf),
    /// Below an address of a web server.
    Web(String),
    /// An artefact in a registry.
    Registry(Reference),
}

/// Why something of a publication could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LocationError {
    /// What is named is no place.
    #[error("'{0}' names no place: a directory, an https address or oci:REFERENCE is wanted")]
    Unknown(String),
    /// The network must not be used.
    #[error("'{0}' is not asked, because this run is offline")]
    Offline(String),
    /// A file cannot be read.
    #[error("could not read '{}'", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A server does not give it.
    #[error("could not fetch '{url}'")]
    Download {
        /// Its address.
        url: String,
        /// Why.
        source: download::Error,
    },
    /// A registry does not give it.
    #[error("could not fetch '{what}' of '{reference}'")]
    Registry {
        /// What was asked for.
        what: String,
        /// The artefact.
        reference: String,
        /// Why.
        source: Box<registry::Error>,
    },
    /// What came has another size or digest than was signed.
    #[error("'{path}' is not what was signed: {why}")]
    Content {
        /// The file, below the publication.
        path: String,
        /// What is wrong.
        why: String,
    },
}

impl Location {
    /// What a user writes: a directory, an address, `oci:` or `registry:` and a reference.
    ///
    /// # Errors
    /// If it is none of these.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let unknown = || LocationError::Unknown(text.to_owned());
        let reference = text.strip_prefix("oci:").or_else(|| text.strip_prefix("registry:"));
        if let Some(reference) = reference {
            return reference.parse().map(Self::Registry).map_err(|_| unknown());
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return Ok(Self::Web(text.trim_end_matches('/').to_owned()));
        }
        match text.strip_prefix("dir:").unwrap_or(text) {
            "" => Err(unknown()),
            path => Ok(Self::Directory(path.into())),
        }
    }

    /// Whether it can be reached without a network.
    pub const fn is_local(&self) -> bool {
        matches!(self, Self::Directory(_))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Web(url) => f.write_str(url),
            Self::Registry(reference) => write!(f, "oci:{reference}"),
        }
    }
}

/// How places are reached.
#[derive(Clone, Copy)]
pub(super) struct Reach<'a> {
    pub(super) download: &'a download::Options,
    pub(super) registry: &'a registry::Options,
    pub(super) progress: &'a dyn Progress,
}

/// The document of a publication as it came, with what its server calls this version.
pub(super) struct Fetched {
    pub(super) bytes: Vec<u8>,
    pub(super) version: Version,
    from: Origin,
}

enum Origin {
    Directory(PathBuf),
    Web(String),
    Registry(Box<Artifact>, String),
}

/// Fetches the document; a copy is kept at `copy`, which is taken where the server says that it still
/// has the `known` version.
pub(super) fn document(
    location: &Location,
    copy: &Path,
    known: &Version,
    reach: Reach<'_>,
) -> Result<Fetched, LocationError> {
    let read = |path: &Path| {
        read_bounded(path, MAX_ENVELOPE)
            .map_err(|source| LocationError::Read { path: path.to_owned(), source })
    };
    match location {
        Location::Directory(directory) => Ok(Fetched {
            bytes: read(&directory.join(DOCUMENT))?,
            version: Version::default(),
            from: Origin::Directory(directory.clone()),
        }),
        Location::Web(base) => {
            let url = format!("{base}/{DOCUMENT}");
            let options = download::Options { limit: MAX_ENVELOPE, ..reach.download.clone() };
            let known = Some(known).filter(|known| **known != Version::default());
            let outcome = download::download(&url, copy, known, &options, reach.progress);
            let version = match outcome.map_err(|source| LocationError::Download { url, source })? {
                Outcome::Unchanged => known.cloned().unwrap_or_default(),
                Outcome::Fetched(version) => version,
            };
            Ok(Fetched { bytes: read(copy)?, version, from: Origin::Web(base.clone()) })
        }
        Location::Registry(reference) => {
            let name = reference.to_string();
            let failed = |what: &str, source| LocationError::Registry {
                what: what.to_owned(),
                reference: name.clone(),
                source: Box::new(source),
            };
            let artifact = Artifact::find(reference, reach.registry);
            let artifact = artifact.map_err(|source| failed("manifest", source))?;
            let layer = artifact.layer(DOCUMENT_TYPE);
            let layer = layer.filter(|layer| layer.size <= MAX_ENVELOPE).ok_or_else(|| {
                let why = "the artefact has no publication in it".to_owned();
                failed(DOCUMENT, registry::Error::Protocol { why })
            })?;
            let bytes = artifact.blob(&layer.digest, layer.size);
            let bytes = bytes.map_err(|source| failed(DOCUMENT, source))?;
            let from = Origin::Registry(Box::new(artifact), name);
            Ok(Fetched { bytes, version: Version::default(), from })
        }
    }
}

impl Fetched {
    /// A file of the publication, with the size and the digest that were signed. What comes piece by
    /// piece is kept in `partial` until it is whole, and gone on with after a break.
    pub(super) fn file(
        &self,
        file: &File,
        partial: &Path,
        reach: Reach<'_>,
    ) -> Result<Vec<u8>, LocationError> {
        match &self.from {
            Origin::Directory(directory) => {
                let path = directory.join(&file.path);
                let mut bytes = Vec::new();
                let read = std::fs::File::open(&path)
                    .and_then(|open| open.take(file.size + 1).read_to_end(&mut bytes));
                read.map_err(|source| LocationError::Read { path, source })?;
                checked(file, bytes)
            }
            Origin::Web(base) => {
                let url = format!("{base}/{}", file.path);
                let fetch = || {
                    download::resume(&url, partial, file.size, reach.download, reach.progress)
                        .map_err(|source| LocationError::Download { url: url.clone(), source })?;
                    let bytes = read_bounded(partial, file.size);
                    checked(
                        file,
                        bytes.map_err(|source| LocationError::Read {
                            path: partial.to_owned(),
                            source,
                        })?,
                    )
                };
                let was_there = partial.exists();
                let fetched = match fetch() {
                    // What an earlier attempt left may have been of something else.
                    Err(LocationError::Content { .. }) if was_there => {
                        let _ = std::fs::remove_file(partial);
                        fetch()
                    }
                    result => result,
                };
                if !matches!(fetched, Err(LocationError::Download { .. })) {
                    let _ = std::fs::remove_file(partial);
                }
                fetched
            }
            Origin::Registry(artifact, name) => {
                let wrong = |why: &str| LocationError::Content {
                    path: file.path.clone(),
                    why: why.to_owned(),
                };
                let digest: Digest = format!("sha256:{}", file.sha256)
                    .parse()
                    .map_err(|_| wrong("it has no digest"))?;
                let bytes = artifact.blob(&digest, file.size).map_err(|source| {
                    let (what, reference) = (file.path.clone(), name.clone());
                    LocationError::Registry { what, reference, source: Box::new(source) }
                })?;
                checked(file, bytes)
            }
        }
    }
}

fn checked(file: &File, bytes: Vec<u8>) -> Result<Vec<u8>, LocationError> {
    let wrong = |why: String| LocationError::Content { path: file.path.clone(), why };
    if bytes.len() as u64 != file.size {
        let more = if bytes.len() as u64 > file.size { "more than " } else { "" };
        let has = bytes.len().min(usize::try_from(file.size).unwrap_or(usize::MAX));
        return Err(wrong(format!("it has {more}{has} of {} bytes", file.size)));
    }
    if super::sha256(&bytes) != file.sha256 {
        return Err(wrong("it has another digest".to_owned()));
    }
    Ok(bytes)
}
