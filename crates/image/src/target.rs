use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use cofferdam_oci::{Reference, ReferenceError};

use crate::archive::{self, Format};

/// What a user names on the command line.
///
/// Written with a prefix that says what it is, or bare: an existing path is recognised by what is
/// there, anything else is an image reference. A bare name with a `/` in front, a `./` or a `../`
/// is always a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `oci:DIR[:TAG]`: an OCI image layout directory (image-layout.md).
    OciLayout {
        /// The directory with `oci-layout` and `index.json`.
        directory: PathBuf,
        /// `org.opencontainers.image.ref.name` of the image; needed if there are several.
        tag: Option<String>,
    },
    /// `oci-archive:FILE[:TAG]`: an OCI image layout in a tar file.
    OciArchive {
        /// The tar file.
        file: PathBuf,
        /// As for [`Target::OciLayout`].
        tag: Option<String>,
    },
    /// `docker-archive:FILE[:TAG]`: what `docker save` writes.
    DockerArchive {
        /// The tar file.
        file: PathBuf,
        /// Name of the image as in `RepoTags`; needed if there are several.
        tag: Option<String>,
    },
    /// `dir:ROOT`: a root file system.
    Directory(PathBuf),
    /// `registry:REFERENCE`: an image in a registry.
    Registry(Reference),
    /// `store:NAME`: an image in the local store, by reference, name or digest prefix.
    Store(String),
    /// A bare reference: the local store first, then the registry.
    Named(Reference),
}

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Nothing was named.
    #[error("the target is empty")]
    Empty,
    /// A prefix without anything after it.
    #[error("target '{0}' names nothing after the ':'")]
    Incomplete(String),
    /// A path that is not there.
    #[error("target '{}' does not exist", .0.display())]
    Missing(PathBuf),
    /// A path that exists but is neither a layout nor an archive nor a directory.
    #[error(
        "target '{}' is not an image that is known here: expected an OCI layout, an OCI or docker archive, or a root directory",
        .0.display()
    )]
    Unrecognised(PathBuf),
    /// A compressed file, in which nothing can be found without decompressing all of it.
    #[error("target '{}' is compressed: decompress it first (gunzip, zstd -d)", .0.display())]
    Compressed(PathBuf),
    /// A path that could not be looked at.
    #[error("could not look at target '{}'", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Neither a path nor an image reference.
    #[error("target '{target}' is neither an existing path nor an image reference")]
    Reference {
        /// What the user wrote.
        target: String,
        /// Why it is not a reference.
        source: ReferenceError,
    },
}

impl Target {
    /// Understands what a user wrote; looks at the file system for bare paths only.
    ///
    /// # Errors
    /// If it names nothing, a path that is not there, or breaks the grammar of a reference.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Self::bare(text);
        };
        if matches!(scheme, "oci" | "oci-archive" | "docker-archive" | "dir" | "registry" | "store")
            && rest.is_empty()
        {
            return Err(TargetError::Incomplete(text.to_owned()));
        }
        match scheme {
            "oci" => {
                let (directory, tag) = split_tag(rest);
                Ok(Self::OciLayout { directory, tag })
            }
            "oci-archive" => {
                let (file, tag) = split_tag(rest);
                Ok(Self::OciArchive { file, tag })
            }
            "docker-archive" => {
                let (file, tag) = split_tag(rest);
                Ok(Self::DockerArchive { file, tag })
            }
            "dir" => Ok(Self::Directory(rest.into())),
            "registry" => reference(rest).map(Self::Registry),
            "store" => Ok(Self::Store(rest.to_owned())),
            _ => Self::bare(text),
        }
    }

    fn bare(text: &str) -> Result<Self, TargetError> {
        if text.is_empty() {
            return Err(TargetError::Empty);
        }
        let path = Path::new(text);
        match fs::metadata(path) {
            Ok(metadata) => recognise(path, &metadata),
            Err(error) if error.kind() != io::ErrorKind::NotFound && looks_like_path(text) => {
                Err(TargetError::Io { path: path.into(), source: error })
            }
            Err(_) if looks_like_path(text) => Err(TargetError::Missing(path.into())),
            Err(_) => reference(text).map(Self::Named),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        Self::parse(text)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path, tag) = match self {
            Self::OciLayout { directory, tag } => ("oci", directory, tag),
            Self::OciArchive { file, tag } => ("oci-archive", file, tag),
            Self::DockerArchive { file, tag } => ("docker-archive", file, tag),
            Self::Directory(root) => ("dir", root, &None),
            Self::Registry(reference) => return write!(f, "registry:{reference}"),
            Self::Store(name) => return write!(f, "store:{name}"),
            Self::Named(reference) => return write!(f, "{reference}"),
        };
        write!(f, "{scheme}:{}", path.display())?;
        tag.as_ref().map_or(Ok(()), |tag| write!(f, ":{tag}"))
    }
}

/// What the thing at an existing path is.
fn recognise(path: &Path, metadata: &fs::Metadata) -> Result<Target, TargetError> {
    if metadata.is_dir() {
        return Ok(if path.join("oci-layout").is_file() {
            Target::OciLayout { directory: path.into(), tag: None }
        } else {
            Target::Directory(path.into())
        });
    }
    if !metadata.is_file() {
        return Err(TargetError::Unrecognised(path.into()));
    }
    match archive::recognise(path) {
        Ok(Some(Format::Oci)) => Ok(Target::OciArchive { file: path.into(), tag: None }),
        Ok(Some(Format::Docker)) => Ok(Target::DockerArchive { file: path.into(), tag: None }),
        Ok(Some(Format::Compressed)) => Err(TargetError::Compressed(path.into())),
        Ok(None) => Err(TargetError::Unrecognised(path.into())),
        Err(source) => Err(TargetError::Io { path: path.into(), source }),
    }
}

fn looks_like_path(text: &str) -> bool {
    text.starts_with(['/', '.', '~'])
}

fn reference(text: &str) -> Result<Reference, TargetError> {
    text.parse().map_err(|source| TargetError::Reference { target: text.to_owned(), source })
}

/// `FILE[:TAG]`. A path that exists as written wins, so that one with a colon in it can be named;
/// otherwise the first colon after the last `/` that leaves an existing path starts the tag.
fn split_tag(text: &str) -> (PathBuf, Option<String>) {
    if Path::new(text).exists() {
        return (text.into(), None);
    }
    let mut colons = text.match_indices(':').map(|(at, _)| at);
    let split = colons
        .clone()
        .find(|at| Path::new(&text[..*at]).exists())
        .or_else(|| colons.next())
        .filter(|at| *at + 1 < text.len());
    match split {
        Some(at) => (text[..at].into(), Some(text[at + 1..].to_owned())),
        None => (text.into(), None),
    }
}
