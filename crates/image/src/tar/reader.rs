use std::io::{self, Read};

use super::{
    EntryHeader, EntryKind, Normal, TarError,
    header::{BLOCK, Block, OldSparse, sparse_pieces},
    normalise, pax,
    sparse::{Map, Piece},
};
use crate::Limits;

/// Bytes of an archive, in order.
pub trait Input: Read {
    /// Passes over up to `count` bytes and returns how many: fewer only at the end.
    ///
    /// # Errors
    /// As for reading.
    fn skip(&mut self, count: u64) -> io::Result<u64>;
}

/// Reads the entries of an archive one after the other.
pub struct Reader<R> {
    input: R,
    limits: Limits,
    /// Where `input` stands.
    offset: u64,
    /// Stored bytes of the current entry that are still to come, and the padding after them.
    remaining: u64,
    padding: u64,
    /// Position in the current file, holes counted, and its end.
    position: u64,
    size: u64,
    map: Option<Map>,
    entries: u64,
    /// Sum of the sizes of all files so far, holes counted.
    total: u64,
    global: pax::Records,
    finished: bool,
}

/// What headers in front of an entry's own say of it.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: pax::Records,
    metadata: u64,
}

impl<R: Input> Reader<R> {
    /// A reader of the archive that starts where `input` stands.
    pub fn new(input: R, limits: &Limits) -> Self {
        Self {
            input,
            limits: limits.clone(),
            offset: 0,
            remaining: 0,
            padding: 0,
            position: 0,
            size: 0,
            map: None,
            entries: 0,
            total: 0,
            global: pax::Records::default(),
            finished: false,
        }
    }

    /// The next entry; `None` at the end of the archive. What was not read of the entry before is
    /// passed over.
    ///
    /// # Errors
    /// If the archive breaks the format or a limit, or its bytes cannot be had. The reader must not
    /// be used any more then.
    pub fn next_entry(&mut self) -> Result<Option<EntryHeader>, TarError> {
        let mut extension = Extension { records: self.global.clone(), ..Extension::default() };
        loop {
            self.finish_entry()?;
            let at = self.offset;
            let Some(bytes) = self.next_header()? else { return Ok(None) };
            let block = Block::new(&bytes, at)?;
            self.count_entry()?;
            match block.kind() {
                b'x' | b'X' => {
                    let data = self.metadata(&block, &mut extension.metadata)?;
                    extension.records.extend(&data).map_err(field(at))?;
                }
                b'g' => {
                    let data = self.metadata(&block, &mut extension.metadata)?;
                    self.global.extend(&data).map_err(field(at))?;
                    if let Some(key) = self.global.belongs_to_one_entry() {
                        return Err(TarError::Global { offset: at, key: key.to_owned() });
                    }
                    extension.records.extend(&data).map_err(field(at))?;
                }
                b'L' => {
                    let data = self.metadata(&block, &mut extension.metadata)?;
                    extension.name = Some(until_nul(data));
                }
                b'K' => {
                    let data = self.metadata(&block, &mut extension.metadata)?;
                    extension.link = Some(until_nul(data));
                }
                _ => return self.entry(&block, at, extension).map(Some),
            }
        }
    }

    /// The content of the entry that [`Reader::next_entry`] returned last.
    pub fn body(&mut self) -> Body<'_, R> {
        Body(self)
    }

    /// The input, for what is after the end of the archive.
    pub fn into_input(self) -> R {
        self.input
    }

    fn entry(
        &mut self,
        block: &Block<'_>,
        at: u64,
        mut extension: Extension,
    ) -> Result<EntryHeader, TarError> {
        let records = &mut extension.records;
        let name = (records.sparse.name.take())
            .or_else(|| records.path.take())
            .or(extension.name)
            .unwrap_or_else(|| block.name());
        let link = records.linkpath.take().or(extension.link).unwrap_or_else(|| block.link());
        let Normal { path, mut left_root } = normalise(&name);
        let kind = kind(block, &name, link, &mut left_root)?;
        self.set_content(block, at, &kind, records, extension.metadata)?;
        let xattrs = std::mem::take(&mut records.xattrs).into_iter().collect();
        Ok(EntryHeader {
            name,
            path,
            left_root,
            kind,
            size: self.size,
            mode: block.mode()?,
            uid: records.uid.map_or_else(|| block.uid(), Ok)?,
            gid: records.gid.map_or_else(|| block.gid(), Ok)?,
            mtime: records.mtime.map_or_else(|| block.mtime(), Ok)?,
            xattrs,
            offset: self.offset,
            sparse: self.map.is_some(),
        })
    }

    /// Notes how many bytes follow the header and what they are.
    fn set_content(
        &mut self,
        block: &Block<'_>,
        at: u64,
        kind: &EntryKind,
        records: &pax::Records,
        mut metadata: u64,
    ) -> Result<(), TarError> {
        let stored = match kind {
            EntryKind::File | EntryKind::Other(_) => {
                records.size.map_or_else(|| block.size(), Ok)?
            }
            _ => 0,
        };
        self.set_stored(stored, at)?;
        self.map = None;
        self.position = 0;
        self.size = if *kind == EntryKind::File { stored } else { 0 };
        if *kind == EntryKind::File {
            if block.kind() == b'S' {
                self.map = Some(self.old_sparse_map(block, at, &mut metadata)?);
            } else if records.sparse.is_used() {
                self.map = Some(self.pax_sparse_map(&records.sparse, at, &mut metadata)?);
            }
        }
        if let Some(map) = &self.map {
            self.size = map.size();
        }
        self.total = self.total.saturating_add(self.size);
        if self.total > self.limits.layer {
            return Err(self.limit("uncompressed bytes", self.limits.layer));
        }
        Ok(())
    }

    fn set_stored(&mut self, stored: u64, at: u64) -> Result<(), TarError> {
        // A size that no file can have is refused here, so that no sum below can overflow.
        if stored > u64::MAX >> 2 {
            return Err(field(at)("size".to_owned()));
        }
        self.remaining = stored;
        self.padding = stored.wrapping_neg() % BLOCK as u64;
        Ok(())
    }

    /// The map of an old GNU sparse file (type `S`): in the header, and in the blocks after it.
    fn old_sparse_map(
        &mut self,
        block: &Block<'_>,
        at: u64,
        metadata: &mut u64,
    ) -> Result<Map, TarError> {
        let OldSparse { mut runs, mut more, size } = block.sparse()?;
        while more {
            self.count_metadata(metadata, BLOCK as u64)?;
            let offset = self.offset;
            let mut bytes = [0; BLOCK];
            self.fill(&mut bytes)?;
            let pieces = sparse_pieces(&bytes[..504]);
            runs.extend(pieces.ok_or_else(|| field(offset)("sparse map".to_owned()))?);
            more = bytes[504] != 0;
        }
        Map::new(runs, size, self.remaining).ok_or_else(|| field(at)("sparse map".to_owned()))
    }

    fn pax_sparse_map(
        &mut self,
        sparse: &pax::Sparse,
        at: u64,
        metadata: &mut u64,
    ) -> Result<Map, TarError> {
        let invalid = |name: &str| field(at)(name.to_owned());
        let size = sparse.real_size.ok_or_else(|| invalid("GNU.sparse.realsize"))?;
        let numbers = match (sparse.major.unwrap_or(0), sparse.minor.unwrap_or(0), &sparse.map) {
            (1, 0, _) => self.map_in_content(at, metadata)?,
            (0, _, Some(map)) => map.clone(),
            (0, _, None) => sparse.numbers.clone(),
            _ => return Err(invalid("GNU.sparse version")),
        };
        Map::from_numbers(&numbers, size, self.remaining).ok_or_else(|| invalid("sparse map"))
    }

    /// The map of format 1.0: decimal lines in front of the content, the first their number of
    /// pairs, filled up to a whole block.
    fn map_in_content(&mut self, at: u64, metadata: &mut u64) -> Result<Vec<u64>, TarError> {
        let invalid = || field(at)("sparse map".to_owned());
        let mut numbers = Vec::new();
        let mut wanted: Option<u64> = None;
        let mut number: Option<u64> = None;
        loop {
            if self.remaining < BLOCK as u64 {
                return Err(invalid());
            }
            self.count_metadata(metadata, BLOCK as u64)?;
            let mut bytes = [0; BLOCK];
            self.fill(&mut bytes)?;
            self.remaining -= BLOCK as u64;
            for byte in bytes {
                match (byte, number) {
                    (b'0'..=b'9', _) => {
                        let shifted = number.unwrap_or(0).checked_mul(10);
                        let digit = u64::from(byte - b'0');
                        number =
                            Some(shifted.and_then(|n| n.checked_add(digit)).ok_or_else(invalid)?);
                    }
                    (b'\n', Some(value)) => {
                        number = None;
                        match wanted {
                            None => wanted = Some(value.checked_mul(2).ok_or_else(invalid)?),
                            Some(_) => numbers.push(value),
                        }
                        if wanted == Some(numbers.len() as u64) {
                            return Ok(numbers);
                        }
                    }
                    _ => return Err(invalid()),
                }
            }
        }
    }

    /// The content of an extended header, which is kept in memory and therefore limited.
    fn metadata(&mut self, block: &Block<'_>, used: &mut u64) -> Result<Vec<u8>, TarError> {
        let size = block.size()?;
        self.count_metadata(used, size)?;
        self.set_stored(size, self.offset)?;
        let size =
            usize::try_from(size).map_err(|_| self.limit("header bytes", self.limits.metadata))?;
        let mut data = vec![0; size];
        self.fill(&mut data)?;
        self.remaining = 0;
        Ok(data)
    }

    fn count_metadata(&self, used: &mut u64, more: u64) -> Result<(), TarError> {
        *used = used.saturating_add(more);
        if *used > self.limits.metadata {
            return Err(self.limit("header bytes for one entry", self.limits.metadata));
        }
        Ok(())
    }

    fn count_entry(&mut self) -> Result<(), TarError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(self.limit("entries", self.limits.entries));
        }
        Ok(())
    }

    /// Passes over what is left of the entry before.
    fn finish_entry(&mut self) -> Result<(), TarError> {
        let rest = self.remaining + self.padding;
        if rest == 0 {
            return Ok(());
        }
        let skipped = self.input.skip(rest).map_err(|source| self.io(source))?;
        self.offset += skipped;
        // The padding after the last entry is left out by some writers.
        if skipped < self.remaining {
            return Err(TarError::Truncated { offset: self.offset });
        }
        self.remaining = 0;
        self.padding = 0;
        Ok(())
    }

    /// The next block that is a header; `None` at the two empty blocks that end the archive, or at
    /// its end without them.
    fn next_header(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut bytes = [0; BLOCK];
        if self.finished || !self.fill_or_end(&mut bytes)? {
            self.finished = true;
            return Ok(None);
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(Some(bytes));
        }
        let offset = self.offset;
        if self.fill_or_end(&mut bytes)? && bytes.iter().any(|byte| *byte != 0) {
            return Err(field(offset)("place (after a single empty block)".to_owned()));
        }
        self.finished = true;
        Ok(None)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), TarError> {
        if buffer.is_empty() || self.fill_or_end(buffer)? {
            Ok(())
        } else {
            Err(TarError::Truncated { offset: self.offset })
        }
    }

    /// Fills the buffer; `false` if the archive ends right here.
    fn fill_or_end(&mut self, buffer: &mut [u8]) -> Result<bool, TarError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => return Err(TarError::Truncated { offset: self.offset }),
                Ok(count) => {
                    filled += count;
                    self.offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.io(error)),
            }
        }
        Ok(true)
    }

    fn io(&self, source: io::Error) -> TarError {
        TarError::Io { offset: self.offset, source }
    }

    fn limit(&self, what: &'static str, limit: u64) -> TarError {
        TarError::Limit { offset: self.offset, what, limit }
    }
}

/// The content of one entry, holes filled with zeros.
pub struct Body<'a, R>(&'a mut Reader<R>);

impl<R: Input> Read for Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let reader = &mut *self.0;
        let left = reader.size - reader.position;
        if left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let piece = reader.map.as_ref().map_or(Piece::Stored(left), |map| map.at(reader.position));
        let count = match piece {
            Piece::Hole(length) => {
                let hole = up_to(buffer, length);
                hole.fill(0);
                hole.len()
            }
            Piece::Stored(length) => {
                let count = reader.input.read(up_to(buffer, length))?;
                if count == 0 {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        TarError::Truncated { offset: reader.offset },
                    ));
                }
                reader.offset += count as u64;
                reader.remaining -= count as u64;
                count
            }
        };
        reader.position += count as u64;
        Ok(count)
    }
}

fn up_to(buffer: &mut [u8], length: u64) -> &mut [u8] {
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len());
    &mut buffer[..length]
}

fn kind(
    block: &Block<'_>,
    name: &[u8],
    link: Vec<u8>,
    left_root: &mut bool,
) -> Result<EntryKind, TarError> {
    Ok(match block.kind() {
        // Before POSIX a directory was a file whose name ends in a slash.
        0 if name.ends_with(b"/") => EntryKind::Directory,
        0 | b'0' | b'7' | b'S' => EntryKind::File,
        b'1' => {
            let target = normalise(&link);
            *left_root |= target.left_root;
            EntryKind::Hardlink(target.path)
        }
        b'2' => EntryKind::Symlink(link),
        b'3' => {
            let (major, minor) = block.device()?;
            EntryKind::CharacterDevice { major, minor }
        }
        b'4' => {
            let (major, minor) = block.device()?;
            EntryKind::BlockDevice { major, minor }
        }
        b'5' => EntryKind::Directory,
        b'6' => EntryKind::Fifo,
        other => EntryKind::Other(other),
    })
}

fn until_nul(mut data: Vec<u8>) -> Vec<u8> {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    data.truncate(end);
    data
}

fn field(offset: u64) -> impl Fn(String) -> TarError {
    move |field| TarError::Field { offset, field }
}
