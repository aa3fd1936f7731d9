//! The write-ahead log of SQLite (section 4 of the format): pages that are newer than those of the
//! database, of which only those count that a commit frame follows.

use std::collections::HashMap;

use crate::packages::rpm::bytes::{Order, slice};

const BE: Order = Order::Big;
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The last bit says that checksums are over big-endian words.
const MAGIC: u32 = 0x377f_0682;

/// What a log has committed.
#[derive(Default)]
pub(super) struct Committed<'a> {
    /// The newest version of each page in the log.
    pub(super) pages: HashMap<usize, &'a [u8]>,
    /// Size of the database in pages after the last commit.
    pub(super) database_pages: Option<usize>,
}

/// Reads a log as SQLite does when it opens a database: frames count up to the last commit before
/// the first whose salt or checksum does not fit; the rest is left over from earlier. `None` if it
/// is not a log for pages of `page_size`.
pub(super) fn committed(log: &[u8], page_size: usize) -> Option<Committed<'_>> {
    let magic = BE.u32(log, 0).filter(|magic| magic & !1 == MAGIC)?;
    let order = if magic & 1 == 1 { Order::Big } else { Order::Little };
    if BE.size(log, 8) != Some(page_size) {
        return None;
    }
    let salt = slice(log, 16, 8)?;
    let mut sum = checksum(order, (0, 0), slice(log, 0, 24)?);
    if stored(log, 24) != Some(sum) {
        return None;
    }
    let mut committed = Committed::default();
    let mut uncommitted = HashMap::new();
    for frame in log.get(HEADER..)?.chunks_exact(FRAME_HEADER + page_size) {
        let (head, page) = frame.split_at(FRAME_HEADER);
        sum = checksum(order, checksum(order, sum, &head[..8]), page);
        if head[8..16] != *salt || stored(head, 16) != Some(sum) {
            break;
        }
        uncommitted.insert(BE.size(head, 0)?, page);
        let after = BE.size(head, 4)?;
        if after != 0 {
            committed.pages.extend(uncommitted.drain());
            committed.database_pages = Some(after);
        }
    }
    Some(committed)
}

fn stored(bytes: &[u8], at: usize) -> Option<(u32, u32)> {
    Some((BE.u32(bytes, at)?, BE.u32(bytes, at + 4)?))
}

/// The checksum of section 4.2, continued from `sum`.
fn checksum(order: Order, sum: (u32, u32), bytes: &[u8]) -> (u32, u32) {
    bytes.chunks_exact(8).fold(sum, |(s0, s1), pair| {
        let word = |at| order.u32(pair, at).unwrap_or_default();
        let s0 = s0.wrapping_add(word(0)).wrapping_add(s1);
        let s1 = s1.wrapping_add(word(4)).wrapping_add(s0);
        (s0, s1)
    })
}
