//! A bounded pipe of byte chunks between two threads, whose buffers go round.

use std::{
    io::{self, BufRead, Read},
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
};

use crate::tar::Input;

/// Bytes of a chunk: large enough that handing it over costs nothing, small enough to stay in the
/// processor's second-level cache between the threads that touch it.
const CHUNK: usize = 256 << 10;
/// Chunks under way; the writer waits when there are so many.
const DEPTH: usize = 4;

/// The end that chunks are put into.
pub(crate) struct Writer {
    full: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
}

/// The end that bytes come out of.
pub(crate) struct Reader {
    full: Receiver<Vec<u8>>,
    empty: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
    taken: u64,
}

/// Makes a pipe.
pub(crate) fn pipe() -> (Writer, Reader) {
    let (full_in, full_out) = sync_channel(DEPTH);
    let (empty_in, empty_out) = channel();
    (
        Writer { full: full_in, empty: empty_out },
        Reader { full: full_out, empty: empty_in, chunk: Vec::new(), at: 0, taken: 0 },
    )
}

impl Writer {
    /// Fills a chunk from `source`; an empty one means its end.
    pub(crate) fn fill(&self, source: &mut dyn Read) -> io::Result<Vec<u8>> {
        let mut chunk = self.empty.try_recv().unwrap_or_default();
        chunk.resize(CHUNK, 0);
        let mut filled = 0;
        while filled < CHUNK {
            match source.read(&mut chunk[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        chunk.truncate(filled);
        Ok(chunk)
    }

    /// Hands over a chunk; `false` if nobody reads any more.
    pub(crate) fn send(&self, chunk: Vec<u8>) -> bool {
        self.full.send(chunk).is_ok()
    }
}

impl Reader {
    /// The chunk that is being read, whole.
    pub(crate) fn chunk(&self) -> &[u8] {
        &self.chunk
    }

    /// Bytes of all chunks begun so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Makes bytes available if there are none; `true` if a new chunk was begun.
    pub(crate) fn advance(&mut self) -> bool {
        if self.at < self.chunk.len() {
            return false;
        }
        let Ok(next) = self.full.recv() else { return false };
        let done = std::mem::replace(&mut self.chunk, next);
        self.at = 0;
        self.taken += self.chunk.len() as u64;
        // Fails when the writer is gone, and needs no more buffers.
        let _ = self.empty.send(done);
        true
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.advance();
        Ok(&self.chunk[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
    }
}

impl Input for Reader {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let available = self.fill_buf()?.len();
        let step = usize::try_from(count).unwrap_or(usize::MAX).min(available);
        self.consume(step);
        Ok(step as u64)
    }
}
