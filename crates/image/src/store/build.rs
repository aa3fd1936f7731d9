use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::Path,
};

use cofferdam_oci::{
    Digest, Platform, Reference,
    image::{Configuration, Descriptor, Execution, History, Manifest, RootFs, media_type},
};
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use super::{
    Error, Store, Stored,
    blob::{Temporary, sync_directory},
    decode, directory, failed,
};
use crate::{
    Limits, Progress,
    tar::{self, Input},
};

/// How a root file system becomes an image.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// What the image is called.
    pub name: Reference,
    /// What it runs on.
    pub platform: Platform,
    /// How the layer is stored; an archive that is compressed already stays as it is.
    pub compression: Compression,
    /// What a container runs by default.
    pub execution: Execution,
}

impl Recipe {
    /// An image for this machine that runs a shell, in a gzip layer.
    pub fn new(name: Reference) -> Self {
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let execution = Execution {
            env: vec![path.to_owned()],
            cmd: vec!["/bin/sh".to_owned()],
            ..Execution::default()
        };
        let platform = Platform::host();
        Self { name, platform, compression: Compression::Gzip, execution }
    }
}

/// How a layer is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    None,
    /// RFC 1952: every tool reads it.
    Gzip,
    /// RFC 8878: smaller and faster.
    Zstd,
}

impl Compression {
    fn media_type(self) -> &'static str {
        match self {
            Self::None => media_type::OCI_LAYER,
            Self::Gzip => media_type::OCI_LAYER_GZIP,
            Self::Zstd => media_type::OCI_LAYER_ZSTD,
        }
    }
}

impl Store {
    /// Makes a root file system, a directory or a tar archive (plain, gzip or zstd) of one, into an
    /// image of one layer. The same content gives the same image.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is no archive, or the image cannot be written.
    pub fn import_root(
        &self,
        root: &Path,
        recipe: &Recipe,
        progress: &dyn Progress,
    ) -> Result<Stored, Error> {
        let _lock = self.share()?;
        let metadata = root.metadata().map_err(failed("open", root))?;
        let built = if metadata.is_dir() {
            progress.begin(&root.display().to_string(), None);
            self.layer_of_directory(root, recipe.compression, progress)?
        } else if metadata.is_file() {
            progress.begin(&root.display().to_string(), Some(metadata.len()));
            self.layer_of_archive(root, recipe.compression, progress)?
        } else {
            let reason = "it is neither a directory nor a file".to_owned();
            return Err(Error::NotARoot { path: root.to_owned(), reason });
        };
        built.temporary.persist(&self.blob_path(&built.descriptor.digest))?;
        self.put_image(recipe, built.descriptor, built.diff_id)
    }

    fn layer_of_directory(
        &self,
        root: &Path,
        compression: Compression,
        progress: &dyn Progress,
    ) -> Result<Built, Error> {
        let temporary = self.temporary()?;
        let writer = layer_writer(&temporary, compression)?;
        let writer = directory::archive(root, writer, progress)?;
        built(temporary, writer, compression)
    }

    fn layer_of_archive(
        &self,
        file: &Path,
        compression: Compression,
        progress: &dyn Progress,
    ) -> Result<Built, Error> {
        let input = File::open(file).map_err(failed("open", file))?;
        let input = Watched { reader: input, progress };
        let (found, mut input) = decode::detect(input).map_err(failed("read", file))?;
        let temporary = self.temporary()?;
        if found == Compression::None {
            let writer = layer_writer(&temporary, compression)?;
            let writer = check_archive(file, Tee { reader: input, writer })?;
            return built(temporary, writer, compression);
        }
        let mut kept = Hashed::new(BufWriter::new(handle(&temporary)?));
        let plain = decode::plain(Tee { reader: &mut input, writer: &mut kept })
            .map_err(failed("read", file))?;
        let tee = Tee { reader: plain, writer: Hashed::new(io::sink()) };
        let (diff_id, ..) = check_archive(file, tee)?.finish();
        io::copy(&mut input, &mut kept).map_err(failed("read", file))?;
        let (digest, size, mut output) = kept.finish();
        output.flush().map_err(failed("write", temporary.path()))?;
        let descriptor = descriptor(found.media_type(), digest, size);
        Ok(Built { temporary, descriptor, diff_id })
    }

    /// Writes configuration and manifest, and names the image.
    fn put_image(
        &self,
        recipe: &Recipe,
        layer: Descriptor,
        diff_id: Digest,
    ) -> Result<Stored, Error> {
        let configuration = Configuration {
            architecture: recipe.platform.architecture.clone(),
            variant: recipe.platform.variant.clone(),
            os: recipe.platform.os.clone(),
            config: recipe.execution.clone(),
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![diff_id] },
            history: vec![History {
                created_by: Some("cofferdam image import".to_owned()),
                ..History::default()
            }],
            ..Configuration::default()
        };
        let config = self.put_document(media_type::OCI_CONFIG, &configuration)?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media_type::OCI_MANIFEST.to_owned()),
            config,
            layers: vec![layer],
            annotations: Default::default(),
        };
        let manifest = self.put_document(media_type::OCI_MANIFEST, &manifest)?;
        if recipe.name.digest().is_some_and(|digest| *digest != manifest.digest) {
            let name = recipe.name.to_string();
            return Err(Error::OtherDigest { name, manifest: manifest.digest });
        }
        sync_directory(&self.path("blobs/sha256"))?;
        let stored = Stored::now(&recipe.name, manifest, recipe.platform.clone());
        self.name(&stored)?;
        Ok(stored)
    }

    fn put_document(
        &self,
        media_type: &str,
        document: &impl serde::Serialize,
    ) -> Result<Descriptor, Error> {
        let mut temporary = self.temporary()?;
        let bytes = serde_json::to_vec(document)
            .map_err(|error| failed("write", temporary.path())(error.into()))?;
        temporary.write(&bytes)?;
        let digest = Digest::from_bytes(Sha256::digest(&bytes).into());
        temporary.persist(&self.blob_path(&digest))?;
        Ok(descriptor(media_type, digest, bytes.len() as u64))
    }
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    let media_type = media_type.to_owned();
    Descriptor { media_type, digest, size, platform: None, annotations: Default::default() }
}

/// A layer in a temporary file.
struct Built {
    temporary: Temporary,
    descriptor: Descriptor,
    diff_id: Digest,
}

type LayerWriter = Hashed<Encoder<Hashed<BufWriter<File>>>>;

fn handle(temporary: &Temporary) -> Result<File, Error> {
    temporary.file.try_clone().map_err(failed("write", temporary.path()))
}

fn layer_writer(temporary: &Temporary, compression: Compression) -> Result<LayerWriter, Error> {
    let output = Hashed::new(BufWriter::new(handle(temporary)?));
    let encoder = Encoder::new(output, compression).map_err(failed("write", temporary.path()))?;
    Ok(Hashed::new(encoder))
}

fn built(
    temporary: Temporary,
    writer: LayerWriter,
    compression: Compression,
) -> Result<Built, Error> {
    let (diff_id, _, encoder) = writer.finish();
    let stored = encoder.finish().map_err(failed("write", temporary.path()))?;
    let (digest, size, mut output) = stored.finish();
    output.flush().map_err(failed("write", temporary.path()))?;
    let descriptor = descriptor(compression.media_type(), digest, size);
    Ok(Built { temporary, descriptor, diff_id })
}

/// Passes bytes on and hashes them.
struct Hashed<W> {
    inner: W,
    hash: Sha256,
    count: u64,
}

impl<W> Hashed<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), count: 0 }
    }

    /// Digest and number of the bytes.
    fn finish(self) -> (Digest, u64, W) {
        (Digest::from_bytes(self.hash.finalize().into()), self.count, self.inner)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.count += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

enum Encoder<W: Write> {
    None(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    fn new(output: W, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::None(output),
            Compression::Gzip => Self::Gzip(GzEncoder::new(output, flate2::Compression::new(6))),
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(output, 3)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    fn finish(self) -> io::Result<W> {
        match self {
            Self::None(output) => Ok(output),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::None(output) => output.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::None(output) => output.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

/// Reads, and writes what was read elsewhere too.
struct Tee<R, W> {
    reader: R,
    writer: W,
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.writer.write_all(&buffer[..count])?;
        Ok(count)
    }
}

impl<R: Read, W: Write> Input for Tee<R, W> {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        io::copy(&mut self.by_ref().take(count), &mut io::sink())
    }
}

/// Tells how far reading has come.
struct Watched<'a, R> {
    reader: R,
    progress: &'a dyn Progress,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.progress.advance(count as u64);
        Ok(count)
    }
}

/// Reads the whole archive, so that only one that can be unpacked becomes a layer.
fn check_archive<R: Read, W: Write>(file: &Path, tee: Tee<R, W>) -> Result<W, Error> {
    let limits = Limits::default();
    let broken = |source: &dyn std::error::Error| Error::NotARoot {
        path: file.to_owned(),
        reason: match source.source() {
            Some(cause) => format!("{source}: {cause}"),
            None => source.to_string(),
        },
    };
    let mut reader = tar::Reader::new(tee, &limits);
    let mut entries: u64 = 0;
    while reader.next_entry().map_err(|error| broken(&error))?.is_some() {
        entries += 1;
    }
    if entries == 0 {
        let reason = "it is not a tar archive with a root file system".to_owned();
        return Err(Error::NotARoot { path: file.to_owned(), reason });
    }
    let mut rest = reader.into_input();
    io::copy(&mut rest, &mut io::sink()).map_err(failed("read", file))?;
    Ok(rest.writer)
}
