//! Texts of records, in compressed blocks.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::{
    Damage,
    format::{Section, u32_at},
    read::{Cursor, put_number, put_text},
};

/// What a record says in words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// One line.
    pub title: String,
    /// CVSS vectors, as published.
    pub vectors: Vec<String>,
    /// Other names of the same vulnerability.
    pub aliases: Vec<String>,
    /// Where to read more.
    pub references: Vec<String>,
}

/// Records in a block, in the mean. More compress better, fewer are faster to get at.
const MEAN_RECORDS: u64 = 128;
/// Records in a block at most.
const MOST_RECORDS: usize = 512;
/// Bytes of a block from which on no record is added to it.
const FULL_BLOCK: usize = 1 << 20;

/// Records in a block of formats 1 and 2, where the number of a record says in which block it is.
const RECORDS_OF_OLD_BLOCK: u32 = 128;

/// What a block holds at most, so that a damaged one cannot fill the memory.
const BLOCK_LIMIT: usize = 4 << 20;

/// Whether a record begins a block, by its id alone: a record that comes or goes changes its block and
/// no other, so that what two generations have in common is compressed to the same bytes.
fn begins_block(id: &str) -> bool {
    // FNV-1a, its upper half folded in.
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 32)).is_multiple_of(MEAN_RECORDS)
}

impl Text {
    fn encode(&self, to: &mut Vec<u8>) {
        put_text(to, &self.title);
        for list in [&self.vectors, &self.aliases, &self.references] {
            put_number(to, u32::try_from(list.len()).unwrap_or(u32::MAX));
            for text in list {
                put_text(to, text);
            }
        }
    }

    fn decode(cursor: &mut Cursor<'_>) -> Result<Self, Damage> {
        let title = cursor.text()?.to_owned();
        let mut lists = [Vec::new(), Vec::new(), Vec::new()];
        for list in &mut lists {
            for _ in 0..cursor.number()? {
                list.push(cursor.text()?.to_owned());
            }
        }
        let [vectors, aliases, references] = lists;
        Ok(Self { title, vectors, aliases, references })
    }

    fn skip(cursor: &mut Cursor<'_>) -> Result<(), Damage> {
        cursor.bytes()?;
        for _ in 0..3 {
            for _ in 0..cursor.number()? {
                cursor.bytes()?;
            }
        }
        Ok(())
    }
}

/// Blocks that were compressed before, by the digest of what is in them.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<[u8; 32], Vec<u8>>);

impl Known {
    /// Notes a block that may come again.
    pub(super) fn add(&mut self, plain: &[u8], compressed: &[u8]) {
        self.0.insert(Sha256::digest(plain).into(), compressed.to_vec());
    }

    /// Compresses a block, or takes over what it was compressed to before.
    fn compress(&self, plain: &[u8]) -> std::io::Result<Vec<u8>> {
        if !self.0.is_empty() {
            let digest: [u8; 32] = Sha256::digest(plain).into();
            if let Some(known) = self.0.get(&digest) {
                return Ok(known.clone());
            }
        }
        zstd::bulk::compress(plain, 19)
    }
}

/// The text index and the texts of records, given with their ids: see [`begins_block`].
pub(super) fn encode_texts(
    texts: &[(&str, Text)],
    known: &Known,
) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut index, mut blocks) = (Vec::new(), Vec::new());
    let mut finish = |first: usize, plain: &[u8]| {
        let block = known.compress(plain)?;
        for number in [first, blocks.len(), block.len()] {
            let number = u32::try_from(number).map_err(std::io::Error::other)?;
            index.extend(number.to_le_bytes());
        }
        blocks.extend(block);
        Ok::<(), std::io::Error>(())
    };
    let (mut first, mut plain) = (0, Vec::new());
    for (number, (id, text)) in texts.iter().enumerate() {
        let is_full = number - first >= MOST_RECORDS || plain.len() >= FULL_BLOCK;
        if number > first && (is_full || begins_block(id)) {
            finish(first, &plain)?;
            plain.clear();
            first = number;
        }
        text.encode(&mut plain);
    }
    if !texts.is_empty() {
        finish(first, &plain)?;
    }
    Ok((index, blocks))
}

/// Where the blocks are, by an index of any format.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextIndex<'a> {
    pub(super) entries: &'a [u8],
    pub(super) version: u32,
}

impl TextIndex<'_> {
    fn entry(&self) -> usize {
        Section::TextIndex.entry(self.version)
    }

    /// Number of blocks.
    pub(super) fn blocks(&self) -> u32 {
        u32::try_from(self.entries.len() / self.entry()).unwrap_or(u32::MAX)
    }

    fn field(&self, block: u32, field: usize) -> Option<u32> {
        let at = usize::try_from(block).ok()?.checked_mul(self.entry())?;
        u32_at(self.entries, at + field * 4)
    }

    /// The block that a record is in, and its place there.
    pub(super) fn find(&self, record: u32) -> Option<(u32, u32)> {
        if self.version < 3 {
            return Some((record / RECORDS_OF_OLD_BLOCK, record % RECORDS_OF_OLD_BLOCK));
        }
        // The last block that does not begin behind it.
        let (mut start, mut end) = (0, self.blocks());
        while start < end {
            let middle = start + (end - start) / 2;
            if self.field(middle, 0)? <= record { start = middle + 1 } else { end = middle }
        }
        let block = start.checked_sub(1)?;
        Some((block, record - self.field(block, 0)?))
    }

    /// Where a block is, and how long.
    fn place(&self, block: u32) -> Option<(usize, usize)> {
        let first = if self.version < 3 { 0 } else { 1 };
        let number = |field| usize::try_from(self.field(block, field)?).ok();
        number(first).zip(number(first + 1))
    }

    /// A block as it is in the section of texts.
    pub(super) fn compressed<'b>(&self, texts: &'b [u8], block: u32) -> Result<&'b [u8], Damage> {
        let damage =
            |what| Damage { what, section: Section::TextIndex.name(), offset: block.into() };
        let (start, length) =
            self.place(block).ok_or_else(|| damage("a text has no entry in the index"))?;
        let end = start.checked_add(length);
        let bytes = end.and_then(|end| texts.get(start..end));
        bytes.ok_or_else(|| damage("a text is out of place"))
    }
}

/// A decompressed block; its texts are decoded when they are asked for.
#[derive(Debug)]
pub(super) struct Block {
    plain: Vec<u8>,
    /// Where each text begins.
    starts: Vec<usize>,
}

impl Block {
    fn new(plain: Vec<u8>) -> Result<Self, Damage> {
        let mut starts = Vec::new();
        let mut cursor = Cursor::new(&plain, 0, Section::Texts);
        while cursor.offset() < plain.len() {
            if starts.len() >= MOST_RECORDS {
                return Err(cursor.damage("a block has too many texts"));
            }
            starts.push(cursor.offset());
            Text::skip(&mut cursor)?;
        }
        Ok(Self { plain, starts })
    }

    /// The text at `index` of the block; `None` if it has no such.
    pub(super) fn text(&self, index: u32) -> Option<Result<Text, Damage>> {
        let start = *self.starts.get(usize::try_from(index).ok()?)?;
        Some(Text::decode(&mut Cursor::new(&self.plain, start, Section::Texts)))
    }
}

/// Decompresses blocks, with memory that is used again.
pub(super) struct Blocks {
    decompressor: zstd::bulk::Decompressor<'static>,
    plain: Vec<u8>,
}

impl Blocks {
    pub(super) fn new() -> std::io::Result<Self> {
        let decompressor = zstd::bulk::Decompressor::new()?;
        Ok(Self { decompressor, plain: Vec::with_capacity(BLOCK_LIMIT) })
    }

    /// A block with its texts.
    pub(super) fn decode(
        &mut self,
        index: TextIndex<'_>,
        texts: &[u8],
        block: u32,
    ) -> Result<Block, Damage> {
        let compressed = index.compressed(texts, block)?;
        Block::new(self.plain(compressed, block)?.to_vec())
    }

    /// What a block holds.
    pub(super) fn plain(&mut self, compressed: &[u8], block: u32) -> Result<&[u8], Damage> {
        self.plain.clear();
        self.decompressor.decompress_to_buffer(compressed, &mut self.plain).map_err(|_| {
            let what = "a text cannot be decompressed";
            Damage { what, section: Section::Texts.name(), offset: block.into() }
        })?;
        Ok(&self.plain)
    }
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Blocks").finish_non_exhaustive()
    }
}
