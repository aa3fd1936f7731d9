//! OCI image layouts (image-layout.md), as a directory or in a tar file.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions as FileOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use cofferdam_oci::{
    Digest,
    image::{Descriptor, Index},
};
use serde::Deserialize;

use crate::{
    Blobs, Error, Image, Limits, OpenOptions, archive,
    manifest::{image_from, parse},
};

const LAYOUT: &str = "oci-layout";
const INDEX: &str = "index.json";
/// Annotation that names an image within a layout.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The same with registry and repository, as containerd and docker write it.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// The blobs of a layout directory.
pub(crate) struct Files(PathBuf);

impl Files {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self(directory)
    }
}

impl Blobs for Files {
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        let digest = descriptor.digest;
        let path = self.0.join(blob_name(&digest));
        match open_file(&path) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::MissingBlob { digest, place: self.0.display().to_string() })
            }
            Err(error) => Err(Error::io("open", path.display().to_string())(error)),
        }
    }
}

/// The blobs of a layout in a tar file.
pub(crate) struct Members(pub(crate) Arc<archive::Index>);

impl Blobs for Members {
    fn open(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        let digest = descriptor.digest;
        let missing = || Error::MissingBlob { digest, place: self.0.place() };
        Ok(Box::new(self.0.open(&blob_name(&digest))?.ok_or_else(missing)?))
    }
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// The index of a layout directory.
pub(crate) fn index_of_directory(
    directory: &Path,
    options: &OpenOptions,
) -> Result<(String, Index), Error> {
    let read = |name: &str| {
        let path = directory.join(name);
        let object = path.display().to_string();
        let file = open_file(&path).map_err(Error::io("open", object.clone()))?;
        read_document(file, &object, &options.limits)
    };
    check_version(&directory.join(LAYOUT).display().to_string(), &read(LAYOUT)?)?;
    let index = parse("index", &directory.join(INDEX).display().to_string(), &read(INDEX)?)?;
    Ok((directory.display().to_string(), index))
}

/// The index of a layout in a tar file.
pub(crate) fn index_of_archive(
    archive: &archive::Index,
    options: &OpenOptions,
) -> Result<(String, Index), Error> {
    let place = archive.place();
    let read = |name: &str| archive.document(name, &options.limits);
    check_version(&format!("{place}/{LAYOUT}"), &read(LAYOUT)?)?;
    let index = parse("index", &format!("{place}/{INDEX}"), &read(INDEX)?)?;
    Ok((place, index))
}

/// The image named `tag` of the layout at a place with this index.
pub(crate) fn open(
    (place, index): &(String, Index),
    name: &str,
    tag: Option<&str>,
    blobs: Arc<dyn Blobs>,
    options: &OpenOptions,
) -> Result<Image, Error> {
    let names: BTreeSet<&str> = index.manifests.iter().filter_map(name_of).collect();
    let names = || names.iter().map(|name| (*name).to_owned()).collect();
    let Some(tag) = tag else {
        let distinct: BTreeSet<_> =
            index.manifests.iter().map(|found| (name_of(found), found.digest)).collect();
        let first = distinct.first().map(|(name, _)| *name);
        if distinct.iter().any(|(name, _)| Some(*name) != first)
            && distinct.iter().map(|(_, digest)| digest).collect::<BTreeSet<_>>().len() > 1
        {
            return Err(Error::Ambiguous { place: place.clone(), available: names() });
        }
        if index.manifests.is_empty() {
            let why = "it lists no manifest".to_owned();
            return Err(Error::Malformed { what: "index", object: place.clone(), why });
        }
        return image_from(&index.manifests, name, blobs, options);
    };
    let tagged: Vec<Descriptor> =
        index.manifests.iter().filter(|found| is_named(found, tag)).cloned().collect();
    if tagged.is_empty() {
        let (place, tag) = (place.clone(), tag.to_owned());
        return Err(Error::Tag { place, tag, available: names() });
    }
    image_from(&tagged, name, blobs, options)
}

fn name_of(descriptor: &Descriptor) -> Option<&str> {
    [CONTAINERD_NAME, REF_NAME]
        .iter()
        .find_map(|key| descriptor.annotations.get(*key))
        .map(String::as_str)
}

/// Whether a descriptor is called `tag`: by either annotation, by the reference that people
/// shorten, or by its digest.
pub(crate) fn is_named(descriptor: &Descriptor, tag: &str) -> bool {
    let called = |key: &str| descriptor.annotations.get(key);
    called(REF_NAME).is_some_and(|name| name == tag)
        || called(CONTAINERD_NAME).is_some_and(|name| archive::docker::same_name(name, tag))
        || descriptor.digest.to_string() == tag
}

fn check_version(object: &str, bytes: &[u8]) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Marker {
        #[serde(rename = "imageLayoutVersion")]
        version: String,
    }
    let Marker { version } = parse("layout marker", object, bytes)?;
    if version.starts_with("1.") {
        return Ok(());
    }
    let why = format!("its imageLayoutVersion is '{version}', and only 1 is known");
    Err(Error::Malformed { what: "layout marker", object: object.to_owned(), why })
}

/// All of a file that is within the limit for documents.
pub(crate) fn read_document(
    source: impl Read,
    object: &str,
    limits: &Limits,
) -> Result<Vec<u8>, Error> {
    let limit = limits.document;
    let mut bytes = Vec::new();
    source.take(limit + 1).read_to_end(&mut bytes).map_err(Error::io("read", object))?;
    if bytes.len() as u64 > limit {
        let object = object.to_owned();
        return Err(Error::Limit { object, what: "bytes of a document", limit });
    }
    Ok(bytes)
}

/// Opens a regular file; never waits, as opening a named pipe would.
fn open_file(path: &Path) -> io::Result<File> {
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = FileOptions::new().read(true).custom_flags(nonblocking).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}
