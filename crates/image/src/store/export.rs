use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Cursor, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use cofferdam_oci::{
    Digest, Reference,
    image::{Descriptor, Index, Manifest, media_type},
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{
    Error, LAYOUT,
    blob::{copy_verified, sync_directory, unique},
    collect::remove_path,
    decode, failed,
    tar_writer::{Writer, plain_file},
    unreadable,
};
use crate::{Image, Layer, Limits, Progress, tar::EntryHeader};

/// What an image is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A directory (image-layout.md).
    OciLayout,
    /// The same in a tar file.
    OciArchive,
    /// What `docker save` writes and `docker load` reads.
    DockerArchive,
}

/// Writes the image to `path`, which must not exist yet; every blob is verified on the way. `tag`
/// is what the image is called there.
///
/// # Errors
///
/// If `path` exists, the image cannot be read, or it cannot be written; then nothing stays behind.
pub fn export(
    image: &Image,
    format: Format,
    path: &Path,
    tag: Option<&str>,
    progress: &dyn Progress,
) -> Result<(), Error> {
    if path.symlink_metadata().is_ok() {
        return Err(Error::Exists(path.to_owned()));
    }
    let total = image.layers.iter().map(|layer| layer.descriptor.size);
    progress.begin(&image.name, Some(total.fold(0, u64::saturating_add)));
    let temporary = beside(path)?;
    let source = Source { image, tag, progress };
    let written = match format {
        Format::OciLayout => layout(&source, &temporary),
        Format::OciArchive => archive(&temporary, |writer| oci_archive(&source, writer)),
        Format::DockerArchive => archive(&temporary, |writer| docker_archive(&source, writer)),
    }
    .map_err(unreadable("export", &image.name))
    .and_then(|()| fs::rename(&temporary, path).map_err(failed("write", path)));
    if let Err(error) = written {
        // The cause is told; the name of what could not be removed says whose it is.
        let _ = remove_path(&temporary);
        return Err(error);
    }
    sync_directory(parent(path))
}

/// A name in the same directory for what is not complete yet.
pub(super) fn beside(path: &Path) -> Result<PathBuf, Error> {
    let Some(name) = path.file_name() else { return Err(Error::Exists(path.to_owned())) };
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".cofferdam-{}", unique()));
    Ok(parent(path).join(hidden))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

struct Source<'a> {
    image: &'a Image,
    tag: Option<&'a str>,
    progress: &'a dyn Progress,
}

impl Source<'_> {
    fn index(&self) -> Index {
        let name = self.tag.map(|tag| ("org.opencontainers.image.ref.name".to_owned(), tag.into()));
        let manifest = Descriptor {
            media_type: self.image.documents.manifest_media_type.clone(),
            digest: self.image.manifest,
            size: self.image.documents.manifest.len() as u64,
            platform: Some(self.image.platform.clone()),
            annotations: name.into_iter().collect(),
        };
        Index {
            schema_version: 2,
            media_type: Some(media_type::OCI_INDEX.to_owned()),
            manifests: vec![manifest],
            annotations: BTreeMap::new(),
        }
    }

    /// Gives every blob once: the documents, then the layers.
    fn blobs(
        &self,
        write: &mut dyn FnMut(&Descriptor, &mut dyn Read) -> Result<(), crate::Error>,
    ) -> Result<(), crate::Error> {
        let documents = &self.image.documents;
        let object = self.image.manifest.to_string();
        let manifest: Manifest = serde_json::from_slice(&documents.manifest)
            .map_err(|source| crate::Error::Document { what: "manifest", object, source })?;
        let [own] = <[_; 1]>::try_from(self.index().manifests)
            .unwrap_or_else(|_| unreachable!("the index has one manifest"));
        write(&own, &mut Cursor::new(&documents.manifest))?;
        write(&manifest.config, &mut Cursor::new(&documents.configuration))?;
        let mut seen = HashSet::new();
        for Layer { descriptor, .. } in &self.image.layers {
            if seen.insert(descriptor.digest) {
                write(descriptor, &mut *self.image.blobs.open(descriptor)?)?;
            }
        }
        Ok(())
    }

    fn copy(
        &self,
        reader: &mut dyn Read,
        writer: &mut dyn Write,
        descriptor: &Descriptor,
    ) -> Result<(), crate::Error> {
        copy_verified(reader, writer, descriptor, &AtomicBool::new(false), self.progress)
    }
}

fn written<T>(path: &Path, result: io::Result<T>) -> Result<T, crate::Error> {
    result.map_err(crate::Error::io("write", path.display().to_string()))
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, crate::Error> {
    serde_json::to_vec(value).map_err(|error| crate::Error::io("write", "index.json")(error.into()))
}

fn layout(source: &Source<'_>, directory: &Path) -> Result<(), crate::Error> {
    let blobs = directory.join("blobs/sha256");
    written(&blobs, fs::DirBuilder::new().recursive(true).mode(0o755).create(&blobs))?;
    source.blobs(&mut |descriptor, reader| {
        let path = blobs.join(descriptor.digest.hex());
        let mut file = written(&path, File::create_new(&path))?;
        source.copy(reader, &mut file, descriptor)?;
        written(&path, file.sync_all())
    })?;
    for (name, content) in [("oci-layout", LAYOUT.into()), ("index.json", json(&source.index())?)] {
        let path = directory.join(name);
        written(&path, fs::write(&path, content))?;
    }
    sync_directory(directory).map_err(|error| crate::Error::Other {
        action: "write",
        object: directory.display().to_string(),
        source: Box::new(error),
    })
}

type Archive = Writer<BufWriter<File>>;

/// Makes a tar file and lets `fill` write its entries.
fn archive(
    path: &Path,
    fill: impl FnOnce(&mut Archive) -> Result<(), crate::Error>,
) -> Result<(), crate::Error> {
    let file = written(path, OpenOptions::new().write(true).create_new(true).open(path))?;
    let mut writer = Writer::new(BufWriter::with_capacity(128 * 1024, file));
    fill(&mut writer)?;
    let mut output = written(path, writer.finish())?;
    written(path, output.flush())?;
    written(path, output.get_ref().sync_all())
}

fn add(
    writer: &mut Archive,
    entry: &EntryHeader,
    content: impl FnOnce(&mut Archive) -> Result<(), crate::Error>,
) -> Result<(), crate::Error> {
    let name = || String::from_utf8_lossy(&entry.path).into_owned();
    writer.begin(entry).map_err(crate::Error::io("write", name()))?;
    content(writer)?;
    writer.end(entry).map_err(crate::Error::io("write", name()))
}

fn add_bytes(writer: &mut Archive, path: &str, bytes: &[u8]) -> Result<(), crate::Error> {
    writer.file(path, bytes).map_err(crate::Error::io("write", path))
}

fn oci_archive(source: &Source<'_>, writer: &mut Archive) -> Result<(), crate::Error> {
    add_bytes(writer, "oci-layout", LAYOUT.as_bytes())?;
    add_bytes(writer, "index.json", &json(&source.index())?)?;
    source.blobs(&mut |descriptor, reader| {
        let path = format!("blobs/sha256/{}", descriptor.digest.hex());
        let entry = plain_file(&path, descriptor.size);
        add(writer, &entry, |writer| source.copy(reader, writer, descriptor))
    })
}

/// One image of `manifest.json` (Docker image specification 1.2, "Combined Image JSON").
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

fn docker_archive(source: &Source<'_>, writer: &mut Archive) -> Result<(), crate::Error> {
    let image = source.image;
    let configuration = &image.documents.configuration;
    let config = Digest::from_bytes(Sha256::digest(configuration).into()).hex() + ".json";
    add_bytes(writer, &config, configuration)?;
    let layer_path = |layer: &Layer| format!("{}/layer.tar", layer.diff_id.hex());
    let mut seen = HashSet::new();
    for layer in image.layers.iter().filter(|layer| seen.insert(layer.diff_id)) {
        // The size comes before the content, and only the content tells it: read it twice.
        let size = plain_size(image, layer)?;
        let entry = plain_file(&layer_path(layer), size);
        let descriptor = Descriptor { digest: layer.diff_id, size, ..layer.descriptor.clone() };
        add(writer, &entry, |writer| {
            copy_verified(
                &mut *plain(image, layer)?,
                writer,
                &descriptor,
                &AtomicBool::new(false),
                &(),
            )
        })?;
        source.progress.advance(layer.descriptor.size);
    }
    let saved = Saved {
        config,
        repo_tags: source.tag.and_then(repository_tag).into_iter().collect(),
        layers: image.layers.iter().map(layer_path).collect(),
    };
    add_bytes(writer, "manifest.json", &json(&[saved])?)
}

/// `docker load` takes names with a tag only.
fn repository_tag(tag: &str) -> Option<String> {
    let reference: Reference = tag.parse().ok()?;
    let tag = reference.tag()?;
    Some(format!("{}/{}:{tag}", reference.registry(), reference.repository()))
}

fn plain<'a>(image: &Image, layer: &Layer) -> Result<Box<dyn Read + Send + 'a>, crate::Error> {
    decode::plain(image.blobs.open(&layer.descriptor)?)
        .map_err(|source| crate::Error::Decompress { layer: layer.descriptor.digest, source })
}

fn plain_size(image: &Image, layer: &Layer) -> Result<u64, crate::Error> {
    let limit = Limits::default().layer;
    let mut reader = plain(image, layer)?.take(limit);
    let size = io::copy(&mut reader, &mut io::sink())
        .map_err(|source| crate::Error::Decompress { layer: layer.descriptor.digest, source })?;
    if size == limit {
        let object = layer.descriptor.digest.to_string();
        return Err(crate::Error::Limit { object, what: "uncompressed bytes", limit });
    }
    Ok(size)
}
