//! The part of a file that is in memory: a chunk, and as much around it as any candidate may need.
//!
//! Every position is looked at exactly once, with the same bytes around it whatever the chunks are,
//! so that chunks make no difference to what is found.

use std::io::{self, Read};

/// Bytes in front of a candidate that are kept.
const BEFORE: usize = 512;
/// Bytes from the start of a candidate that are looked at: private keys of 8192 bits fit.
const AFTER: usize = 8192;
/// Bytes from the start of a candidate that begins before its literal: those are short.
const SPAN: usize = 1024;
/// Bytes behind the start of a candidate that are in memory: one more, to see where words end.
const CONTEXT: usize = AFTER + 1;

pub(super) struct Window {
    buffer: Vec<u8>,
    /// Offset in the file of the first byte in the buffer.
    base: u64,
    /// Where in the buffer the candidates begin that were not looked at yet.
    first: usize,
    /// Lines that end before `first`.
    lines: u32,
    /// Whether the file ends with the buffer.
    ended: bool,
    chunk: usize,
}

impl Window {
    pub(super) fn new(chunk: usize) -> Self {
        let chunk = chunk.max(1);
        let buffer = Vec::new();
        Self { buffer, base: 0, first: 0, lines: 0, ended: false, chunk }
    }

    /// Reads on until a chunk with its context is there, or the file ends.
    pub(super) fn fill(&mut self, file: &mut dyn Read) -> io::Result<()> {
        let wanted = self.first + self.chunk + CONTEXT;
        while !self.ended && self.buffer.len() < wanted {
            let missing = wanted - self.buffer.len();
            let read = file.take(missing as u64).read_to_end(&mut self.buffer)?;
            self.ended = read < missing;
        }
        Ok(())
    }

    /// The first bytes of the file, before anything was advanced.
    pub(super) fn head(&self) -> &[u8] {
        &self.buffer[..self.buffer.len().min(AFTER)]
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer
    }

    /// The bytes, and the range of positions to look for candidates at.
    pub(super) fn scope(&self) -> (&[u8], usize, usize) {
        (&self.buffer, self.first, self.last())
    }

    fn last(&self) -> usize {
        if self.ended { self.buffer.len() } else { self.buffer.len() - CONTEXT }
    }

    /// Goes on behind the scope.
    pub(super) fn advance(&mut self, count_lines: bool) {
        let last = self.last();
        if count_lines {
            let lines = memchr::memchr_iter(b'\n', &self.buffer[self.first..last]).count();
            self.lines = self.lines.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        }
        let kept = last.saturating_sub(BEFORE);
        self.buffer.drain(..kept);
        self.base += kept as u64;
        self.first = last - kept;
    }

    pub(super) fn is_done(&self) -> bool {
        self.ended && self.first == self.buffer.len()
    }

    /// The bytes from `at` on of a candidate whose literal begins at `start`.
    pub(super) fn from(&self, at: usize, start: usize) -> &[u8] {
        &self.buffer[at..self.buffer.len().min(start + AFTER)]
    }

    /// The bytes of a candidate that begins at `at`, before its literal.
    pub(super) fn span(&self, at: usize) -> &[u8] {
        &self.buffer[at..self.buffer.len().min(at + SPAN)]
    }

    /// The position `count` before `at`, or where the file begins.
    pub(super) fn back(&self, at: usize, count: usize) -> usize {
        at.saturating_sub(count.min(BEFORE))
    }

    /// Offset in the file of a position.
    pub(super) fn offset(&self, at: usize) -> u64 {
        self.base + at as u64
    }

    /// Line of a position, from 1.
    pub(super) fn line(&self, at: usize) -> u32 {
        let count = |range: &[u8]| {
            u32::try_from(memchr::memchr_iter(b'\n', range).count()).unwrap_or(u32::MAX)
        };
        let lines = if at >= self.first {
            self.lines.saturating_add(count(&self.buffer[self.first..at]))
        } else {
            self.lines.saturating_sub(count(&self.buffer[at..self.first]))
        };
        lines.saturating_add(1)
    }

    /// Whether a word can begin at `at`: after no letter, or after an escape (`\n`, `%20`).
    pub(super) fn is_boundary_before(&self, at: usize) -> bool {
        let Some(last) = at.checked_sub(1).map(|last| self.buffer[last]) else { return true };
        if !is_word(last) {
            return true;
        }
        let escape = at >= 2 && self.buffer[at - 2] == b'\\' && b"nrt0".contains(&last);
        let percent = at >= 3
            && self.buffer[at - 3] == b'%'
            && self.buffer[at - 2..at].iter().all(u8::is_ascii_hexdigit);
        escape || percent
    }

    /// Whether a word ends at `at`.
    pub(super) fn is_boundary_after(&self, at: usize) -> bool {
        let ends_word = at.checked_sub(1).is_some_and(|last| is_word(self.buffer[last]));
        !ends_word || self.buffer.get(at).is_none_or(|next| !is_word(*next))
    }

    /// Whether a value ends at `at`: code goes on with a call or an operator.
    pub(super) fn is_value_end(&self, at: usize) -> bool {
        self.buffer.get(at).is_none_or(|next| b" \t\r\n\"'`,;<&}])|\\".contains(next))
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
