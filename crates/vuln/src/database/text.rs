//! Texts of records, in compressed blocks.

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

/// Records in a block. More compress better, fewer are faster to get at.
pub(super) const RECORDS_IN_BLOCK: u32 = 128;

/// What a block holds at most, so that a damaged one cannot fill the memory.
const BLOCK_LIMIT: usize = 4 << 20;

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

/// The text index and the texts: a compressed block for every [`RECORDS_IN_BLOCK`] records.
pub(super) fn encode_texts(texts: &[Text]) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let (mut index, mut blocks) = (Vec::new(), Vec::new());
    for chunk in texts.chunks(RECORDS_IN_BLOCK as usize) {
        let mut plain = Vec::new();
        for text in chunk {
            text.encode(&mut plain);
        }
        let block = zstd::bulk::compress(&plain, 19)?;
        for number in [blocks.len(), block.len()] {
            let number = u32::try_from(number).map_err(std::io::Error::other)?;
            index.extend(number.to_le_bytes());
        }
        blocks.extend(block);
    }
    Ok((index, blocks))
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
        let mut starts = Vec::with_capacity(RECORDS_IN_BLOCK as usize);
        let mut cursor = Cursor::new(&plain, 0, Section::Texts);
        while cursor.offset() < plain.len() {
            if starts.len() >= RECORDS_IN_BLOCK as usize {
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

    pub(super) fn decode(
        &mut self,
        index: &[u8],
        blocks: &[u8],
        block: u32,
    ) -> Result<Block, Damage> {
        let damage =
            |what| Damage { what, section: Section::TextIndex.name(), offset: block.into() };
        let at = usize::try_from(block).ok().and_then(|block| block.checked_mul(8));
        let place = |offset: usize| {
            let number = at.and_then(|at| u32_at(index, at + offset));
            number.and_then(|number| usize::try_from(number).ok())
        };
        let (start, length) =
            place(0).zip(place(4)).ok_or_else(|| damage("a text has no entry in the index"))?;
        let end = start.checked_add(length).ok_or_else(|| damage("a text is out of place"))?;
        let block = blocks.get(start..end).ok_or_else(|| damage("a text is out of place"))?;
        self.plain.clear();
        self.decompressor
            .decompress_to_buffer(block, &mut self.plain)
            .map_err(|_| damage("a text cannot be decompressed"))?;
        Block::new(self.plain.clone())
    }
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Blocks").finish_non_exhaustive()
    }
}
