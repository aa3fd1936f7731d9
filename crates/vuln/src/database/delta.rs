//! What makes one database out of another, for who has that one already.
//!
//! A delta says what changed in advisories, not in bytes: inserting one record moves every number of
//! the file. It is applied by taking everything out of the old database, making the changes, and
//! writing the result as any database is written, which gives the very file that was published; its
//! checksum is compared. Compressed texts that did not change are taken over as they are.
//! The format is described in `docs/reference/database-format.md`.

mod changes;
mod edits;

use super::{Builder, Database, DatabaseError};
use crate::bytes::{Malformed, Reader, put_blob, put_long, put_text};
use edits::Edits;

/// The version of the format that this program reads and writes.
pub const DELTA_VERSION: u32 = 1;
/// Bytes that a delta may have once it is decompressed.
pub const MAX_PLAIN: u64 = 256 << 20;

/// Not text, and changed by whatever converts line endings.
const MAGIC: [u8; 8] = *b"\x89CDDT\r\n\x1a";
/// How thoroughly deltas are compressed: they are made once and fetched often.
const LEVEL: i32 = 19;

/// Why a delta cannot be applied. The whole database can be fetched instead.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// It is something else.
    #[error("it is not a delta of an advisory database")]
    Foreign,
    /// It is of another version of the format.
    #[error("the delta has format {0}, this program reads format {DELTA_VERSION}")]
    Version(u32),
    /// It begins at another database.
    #[error("the delta begins at another database than the one in use")]
    Base,
    /// It leads to another database.
    #[error("the delta leads to another database than was announced")]
    Target,
    /// This program would write other bytes.
    #[error("the delta was made with another version of zstd ({0}) than this program has")]
    Compressor(String),
    /// It is too large.
    #[error("the delta is too large")]
    TooLarge,
    /// It cannot be decompressed.
    #[error("the delta cannot be decompressed")]
    Compressed(#[source] std::io::Error),
    /// It is not as it was written.
    #[error("the delta is damaged")]
    Malformed(#[from] Malformed),
    /// The database that it begins at is damaged, or the result cannot be written.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The result is not what was announced.
    #[error("the delta does not give the database that was announced")]
    Result,
}

/// The delta from `base` to `target`.
///
/// # Errors
/// If one of them is damaged, or they differ by more than a delta may hold.
pub fn make(base: &Database, target: &Database) -> Result<Vec<u8>, DeltaError> {
    let mut plain = Vec::new();
    changes::between(base, target)?.put(&mut plain);
    let length = plain.len() as u64;
    if length > MAX_PLAIN {
        return Err(DeltaError::TooLarge);
    }
    let mut bytes = Vec::new();
    bytes.extend(MAGIC);
    bytes.extend(DELTA_VERSION.to_le_bytes());
    bytes.extend(base.checksum_bytes());
    bytes.extend(target.checksum_bytes());
    put_text(&mut bytes, &compressor());
    put_long(&mut bytes, length);
    let packed = zstd::bulk::compress(&plain, LEVEL).map_err(DeltaError::Compressed)?;
    put_blob(&mut bytes, &packed);
    Ok(bytes)
}

/// The database with the checksum `announced` (in hexadecimal) out of `base`, as bytes.
///
/// # Errors
/// See [`DeltaError`]. Whatever the delta holds, no other database comes out.
pub fn apply(base: &Database, delta: &[u8], announced: &str) -> Result<Vec<u8>, DeltaError> {
    let (edits, target) = read(base, delta)?;
    if super::hex(&target) != announced {
        return Err(DeltaError::Target);
    }
    let mut builder = Builder::onto(base)?;
    edits.make(&mut builder)?;
    let bytes = builder.finish(edits.generation)?;
    if bytes.ends_with(&target) { Ok(bytes) } else { Err(DeltaError::Result) }
}

fn read(base: &Database, delta: &[u8]) -> Result<(Edits, [u8; 32]), DeltaError> {
    if !delta.starts_with(&MAGIC) {
        return Err(DeltaError::Foreign);
    }
    let mut reader = Reader::new(delta);
    reader.take(MAGIC.len())?;
    let version = u32::from_le_bytes(reader.array()?);
    if version != DELTA_VERSION {
        return Err(DeltaError::Version(version));
    }
    let from: [u8; 32] = reader.array()?;
    let target = reader.array()?;
    if base.checksum_bytes() != from {
        return Err(DeltaError::Base);
    }
    let made_with = reader.text()?;
    if made_with != compressor() {
        return Err(DeltaError::Compressor(made_with.escape_debug().to_string()));
    }
    let length = reader.long()?;
    if length > MAX_PLAIN {
        return Err(DeltaError::TooLarge);
    }
    let packed = reader.blob()?;
    reader.end()?;
    let plain = decompress(packed, length)?;
    let mut reader = Reader::new(&plain);
    let edits = Edits::read(&mut reader)?;
    reader.end()?;
    Ok((edits, target))
}

/// Reads no more than was announced, so that memory grows with what is really there.
fn decompress(packed: &[u8], length: u64) -> Result<Vec<u8>, DeltaError> {
    use std::io::Read as _;
    let decoder = zstd::stream::Decoder::new(packed).map_err(DeltaError::Compressed)?;
    let mut plain = Vec::new();
    decoder.take(length + 1).read_to_end(&mut plain).map_err(DeltaError::Compressed)?;
    if plain.len() as u64 == length { Ok(plain) } else { Err(DeltaError::TooLarge) }
}

/// Another version may compress the same texts to other bytes.
fn compressor() -> String {
    zstd::zstd_safe::version_string().to_owned()
}
