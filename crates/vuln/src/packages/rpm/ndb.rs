//! NDB: rpm's own format, little-endian (rpm's `lib/backend/ndb/rpmpkg.c` defines it).
//!
//! The file begins with a header and a table of slots, 16 bytes each, in pages of 4096 bytes. A slot
//! names a package, and where its blob lies and how long it is in blocks of 16 bytes. A blob has a
//! head (magic, package, generation, length), the header of the package, padding, and a tail
//! (checksum, length, magic).

use super::{
    bytes::{Order, slice},
    header,
};
use crate::packages::Contents;

pub(super) const MAGIC: &[u8] = b"RpmP";
const SLOT_MAGIC: &[u8] = b"Slot";
const HEAD_MAGIC: &[u8] = b"BlbS";
const TAIL_MAGIC: &[u8] = b"BlbE";

const PAGE_SIZE: usize = 4096;
const BLOCK_SIZE: usize = 16;
const SLOT_SIZE: usize = 16;
/// The header takes the room of two slots.
const HEADER_SIZE: usize = 2 * SLOT_SIZE;
const HEAD_SIZE: usize = 16;
const TAIL_SIZE: usize = 12;

const LE: Order = Order::Little;

/// Reads all packages of an NDB file.
pub(super) fn read(content: &[u8], contents: &mut Contents) {
    let (Some(version), Some(pages)) = (LE.u32(content, 4), LE.size(content, 12)) else {
        return contents.problem("header", "the file ends within it");
    };
    if version != 0 {
        return contents.problem("header", format!("version {version} of the format is not known"));
    }
    let end = pages.saturating_mul(PAGE_SIZE);
    if end > content.len() {
        contents.problem("slots", "the file ends within them: packages are missing");
    }
    let table = content.get(HEADER_SIZE..end.min(content.len())).unwrap_or_default();
    // Blobs do not overlap: all together are no longer than the file.
    let mut budget = content.len();
    for (number, slot) in table.chunks_exact(SLOT_SIZE).enumerate() {
        if !slot.starts_with(SLOT_MAGIC) {
            contents.problem(format!("slot {number}"), "it does not begin as a slot");
            continue;
        }
        let index = LE.u32(slot, 4).unwrap_or_default();
        let (offset, blocks) = (LE.size(slot, 8), LE.size(slot, 12));
        let (Some(offset @ 1..), Some(blocks)) = (offset, blocks) else { continue };
        let place = format!("package number {index}");
        let blob =
            slice(content, offset.saturating_mul(BLOCK_SIZE), blocks.saturating_mul(BLOCK_SIZE));
        match blob.map(|blob| open(blob, index, &mut budget)) {
            None => contents.problem(place, "the file ends before or within it"),
            Some(Err(why)) => contents.problem(place, why),
            Some(Ok(Blob { header, intact })) => {
                if !intact {
                    contents.problem(place.clone(), "its checksum does not match");
                }
                header::read(&place, header, contents);
            }
        }
    }
}

struct Blob<'a> {
    header: &'a [u8],
    intact: bool,
}

fn open<'a>(blob: &'a [u8], index: u32, budget: &mut usize) -> Result<Blob<'a>, &'static str> {
    *budget = budget.checked_sub(blob.len()).ok_or("it overlaps other packages")?;
    let length = LE.size(blob, 12).ok_or("it is too short")?;
    let tail = blob.len().checked_sub(TAIL_SIZE).and_then(|at| blob.get(at..)).unwrap_or_default();
    if !blob.starts_with(HEAD_MAGIC) || LE.u32(blob, 4) != Some(index) {
        return Err("its head is not there");
    }
    let header = slice(blob, HEAD_SIZE, length).ok_or("it is shorter than it says")?;
    let checked = blob.len().saturating_sub(TAIL_SIZE);
    let intact = tail.ends_with(TAIL_MAGIC)
        && LE.size(tail, 4) == Some(length)
        && LE.u32(tail, 0) == blob.get(..checked).map(adler32);
    Ok(Blob { header, intact })
}

/// Adler-32 (RFC 1950, section 8.2).
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    let (mut a, mut b) = (1u32, 0u32);
    // 5552 is the most bytes for which neither sum overflows.
    for run in bytes.chunks(5552) {
        for byte in run {
            a += u32::from(*byte);
            b += a;
        }
        a %= MODULUS;
        b %= MODULUS;
    }
    (b << 16) | a
}
