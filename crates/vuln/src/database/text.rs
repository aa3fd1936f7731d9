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

/// Decompresses a block.
pub(super) fn decode_block(index: &[u8], blocks: &[u8], block: u32) -> Result<Vec<Text>, Damage> {
    let damage = |what| Damage { what, section: Section::TextIndex.name(), offset: block.into() };
    let at = usize::try_from(block).ok().and_then(|block| block.checked_mul(8));
    let place = |offset: usize| {
        let number = at.and_then(|at| u32_at(index, at + offset));
        number.and_then(|number| usize::try_from(number).ok())
    };
    let (start, length) =
        place(0).zip(place(4)).ok_or_else(|| damage("a text has no entry in the index"))?;
    let end = start.checked_add(length).ok_or_else(|| damage("a text is out of place"))?;
    let block = blocks.get(start..end).ok_or_else(|| damage("a text is out of place"))?;
    let plain = zstd::bulk::decompress(block, BLOCK_LIMIT)
        .map_err(|_| damage("a text cannot be decompressed"))?;
    let mut cursor = Cursor::new(&plain, 0, Section::Texts);
    let mut texts = Vec::new();
    while !cursor.is_at_end() {
        if texts.len() >= RECORDS_IN_BLOCK as usize {
            return Err(cursor.damage("a block has too many texts"));
        }
        texts.push(Text::decode(&mut cursor)?);
    }
    Ok(texts)
}
