use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::build::Compression;

/// How stored bytes are compressed, told by how they begin, and the bytes.
pub(super) fn detect<R: Read + Send>(reader: R) -> io::Result<(Compression, BufReader<R>)> {
    let mut reader = BufReader::with_capacity(128 * 1024, reader);
    let compression = match reader.fill_buf()? {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        // A frame (RFC 8878, 3.1.1), or a skippable one (3.1.2) in front of it.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::None,
    };
    Ok((compression, reader))
}

/// The uncompressed bytes.
pub(super) fn plain<'a, R: Read + Send + 'a>(reader: R) -> io::Result<Box<dyn Read + Send + 'a>> {
    let (compression, reader) = detect(reader)?;
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(MultiGzDecoder::new(reader)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(reader)?),
    })
}
