//! Layers: streamed once, decompressed and verified on the way.
//!
//! Three threads share the work, so that a layer takes as long as the slowest step (inflating), not
//! the sum: one reads the stored bytes and hashes them, one decompresses, and the caller's hashes
//! what comes out and takes the archive apart. Memory is a few chunks, whatever the layer's size.

use std::{
    io::{self, Cursor, Read},
    panic,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, ScopedJoinHandle},
};

use cofferdam_oci::{
    Digest,
    image::{Descriptor, media_type},
};
use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use crate::{
    Error, Image, Layer, Limits,
    pipe::{self, pipe},
    tar::{self, EntryHeader, Input, TarError},
};

/// Streams the entries of layer `index` (the base being 0) to `visit`, in the order of the archive,
/// with the content of each; what `visit` does not read is passed over.
///
/// Nothing that `visit` saw may be trusted before this returns `Ok`: only then is it known that the
/// compressed digest, the size and the diff_id match.
///
/// # Errors
/// If the layer's media type is unknown, its bytes cannot be had, do not match their digests or
/// size, do not decompress, break the tar format or a limit; and the error of `visit`, which ends
/// the walk.
///
/// # Panics
/// If the image has no layer `index`.
pub fn walk(
    image: &Image,
    index: usize,
    limits: &Limits,
    visit: &mut dyn FnMut(&EntryHeader, &mut dyn Read) -> Result<(), Error>,
) -> Result<(), Error> {
    let layer = &image.layers[index];
    check_media_type(&layer.descriptor)?;
    let stored = image.blobs.open(&layer.descriptor)?;
    walk_stored(stored, layer, limits, visit)
}

/// As [`walk`], on the stored bytes of `layer` wherever they come from.
///
/// # Errors
/// As for [`walk`].
pub fn walk_stored(
    mut stored: impl Read + Send,
    layer: &Layer,
    limits: &Limits,
    visit: &mut dyn FnMut(&EntryHeader, &mut dyn Read) -> Result<(), Error>,
) -> Result<(), Error> {
    let digest = layer.descriptor.digest;
    let head = head(&mut stored).map_err(Error::io("read layer", digest.to_string()))?;
    let compression = Compression::detect(&head);
    let stored = Cursor::new(head).chain(stored);

    let abandoned = AtomicBool::new(false);
    let (stored_in, stored_out) = pipe();
    thread::scope(|scope| {
        let descriptor = &layer.descriptor;
        let reading = scope.spawn(|| read_stored(stored, descriptor, stored_in, &abandoned));
        let (plain, inflating) = match compression {
            None => (stored_out, None),
            Some(compression) => {
                let (plain_in, plain_out) = pipe();
                let inflate = move || inflate(stored_out, compression, &plain_in, digest, limits);
                (plain_out, Some(scope.spawn(inflate)))
            }
        };
        let hasher = inflating.is_some().then(Sha256::new);
        let walked = walk_plain(Plain { pipe: plain, hasher }, digest, limits, visit);
        let inflated = inflating.map_or(Ok(()), join);
        if is_final(walked.as_ref().err()) || is_final(inflated.as_ref().err()) {
            abandoned.store(true, Ordering::Relaxed);
        }
        // The first cause is told: bytes that are not those of the digest explain everything that
        // comes after, a broken stream explains a broken archive.
        let stored = join(reading)?;
        inflated?;
        let plain = walked?.unwrap_or(stored);
        check_digest("uncompressed layer", layer.diff_id, plain)
    })
}

/// How a layer is compressed. Its first bytes tell, not its media type, which tools get wrong;
/// container engines look at the bytes as well.
#[derive(Clone, Copy)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
}

impl Compression {
    pub(crate) fn detect(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame (RFC 8878, 3.1.1), or a skippable one (3.1.2) in front of it.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Whether this is a type of layer; the nondistributable ones are layers like others where they
/// are at hand.
pub(crate) fn check_media_type(descriptor: &Descriptor) -> Result<(), Error> {
    match descriptor.media_type.as_str() {
        media_type::OCI_LAYER
        | media_type::OCI_LAYER_GZIP
        | media_type::OCI_LAYER_ZSTD
        | media_type::DOCKER_LAYER
        | media_type::DOCKER_LAYER_GZIP
        | "application/vnd.docker.image.rootfs.diff.tar.zstd"
        | "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
        | "application/vnd.oci.image.layer.nondistributable.v1.tar"
        | "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
        | "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd" => Ok(()),
        other => Err(Error::MediaType {
            what: "layer",
            digest: descriptor.digest,
            media_type: other.to_owned(),
        }),
    }
}

/// The first four bytes, or as many as there are.
fn head(stored: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(4);
    stored.by_ref().take(4).read_to_end(&mut head)?;
    Ok(head)
}

/// First step: passes the stored bytes on and returns their digest, which is that of `descriptor`.
///
/// When nobody reads any more because the content makes no sense, goes on hashing: that it is
/// corrupt is the better answer.
fn read_stored(
    mut stored: impl Read,
    descriptor: &Descriptor,
    pipe: pipe::Writer,
    abandoned: &AtomicBool,
) -> Result<Digest, Error> {
    let digest = descriptor.digest;
    let size = |actual| Error::Size { what: "layer", digest, expected: descriptor.size, actual };
    let mut hasher = Sha256::new();
    let mut total: u64 = 0;
    while !abandoned.load(Ordering::Relaxed) {
        let chunk = pipe.fill(&mut stored).map_err(Error::io("read layer", digest.to_string()))?;
        if chunk.is_empty() {
            break;
        }
        total += chunk.len() as u64;
        if total > descriptor.size {
            return Err(size(total));
        }
        hasher.update(&chunk);
        pipe.send(chunk);
    }
    if abandoned.load(Ordering::Relaxed) {
        return Ok(digest);
    }
    if total != descriptor.size {
        return Err(size(total));
    }
    check_digest("layer", digest, Digest::from_bytes(hasher.finalize().into()))?;
    Ok(digest)
}

/// Second step: decompresses, within the limits of size and ratio.
fn inflate(
    stored: pipe::Reader,
    compression: Compression,
    pipe: &pipe::Writer,
    digest: Digest,
    limits: &Limits,
) -> Result<(), Error> {
    let broken = |source| Error::Decompress { layer: digest, source };
    let mut decoder = Decoder::new(stored, compression).map_err(broken)?;
    let mut total: u64 = 0;
    loop {
        let chunk = pipe.fill(&mut decoder).map_err(broken)?;
        if chunk.is_empty() {
            return Ok(());
        }
        total += chunk.len() as u64;
        let limit = |what, limit| Error::Limit { object: digest.to_string(), what, limit };
        if total > limits.layer {
            return Err(limit("uncompressed bytes", limits.layer));
        }
        let ratio_allows = decoder.taken().saturating_mul(limits.ratio);
        if total > limits.ratio_free && total > ratio_allows {
            return Err(limit("uncompressed bytes for each compressed one", limits.ratio));
        }
        if !pipe.send(chunk) {
            return Ok(());
        }
    }
}

enum Decoder {
    Gzip(Box<MultiGzDecoder<pipe::Reader>>),
    Zstd(zstd::Decoder<'static, pipe::Reader>),
}

impl Decoder {
    fn new(stored: pipe::Reader, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(stored))),
            // The library's own bound on the window, 128 MiB, stays in force.
            Compression::Zstd => Self::Zstd(zstd::Decoder::with_buffer(stored)?),
        })
    }

    /// Compressed bytes consumed so far, to the chunk.
    fn taken(&self) -> u64 {
        match self {
            Self::Gzip(decoder) => decoder.get_ref().taken(),
            Self::Zstd(decoder) => decoder.get_ref().taken(),
        }
    }
}

impl Read for Decoder {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

/// Third step: takes the archive apart, and returns the digest of its bytes where that was asked
/// for.
fn walk_plain(
    plain: Plain,
    digest: Digest,
    limits: &Limits,
    visit: &mut dyn FnMut(&EntryHeader, &mut dyn Read) -> Result<(), Error>,
) -> Result<Option<Digest>, Error> {
    let broken = |source| match source {
        TarError::Limit { what, limit, .. } => {
            Error::Limit { object: digest.to_string(), what, limit }
        }
        source => Error::Tar { object: digest.to_string(), source },
    };
    let mut reader = tar::Reader::new(plain, limits);
    while let Some(header) = reader.next_entry().map_err(broken)? {
        visit(&header, &mut reader.body())?;
    }
    // The diff_id covers what is after the end of the archive too.
    let mut rest = reader.into_input();
    while rest.skip(u64::MAX).map_err(Error::io("read layer", digest.to_string()))? > 0 {}
    Ok(rest.hasher.map(|hasher| Digest::from_bytes(hasher.finalize().into())))
}

/// The uncompressed bytes, hashed chunk by chunk as they come.
struct Plain {
    pipe: pipe::Reader,
    hasher: Option<Sha256>,
}

impl Plain {
    fn advance(&mut self) {
        if self.pipe.advance()
            && let Some(hasher) = &mut self.hasher
        {
            hasher.update(self.pipe.chunk());
        }
    }
}

impl Read for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.advance();
        self.pipe.read(buffer)
    }
}

impl Input for Plain {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let mut skipped = 0;
        while skipped < count {
            self.advance();
            match self.pipe.skip(count - skipped)? {
                0 => break,
                step => skipped += step,
            }
        }
        Ok(skipped)
    }
}

/// Whether to read on makes no sense after this error: the content is not to blame.
fn is_final(error: Option<&Error>) -> bool {
    error.is_some_and(|error| !matches!(error, Error::Tar { .. } | Error::Decompress { .. }))
}

fn check_digest(what: &'static str, expected: Digest, actual: Digest) -> Result<(), Error> {
    if expected == actual { Ok(()) } else { Err(Error::Digest { what, expected, actual }) }
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|cause| panic::resume_unwind(cause))
}
