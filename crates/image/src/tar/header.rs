//! The 512-byte header block.

use super::TarError;

pub(super) const BLOCK: usize = 512;

/// A header block whose checksum matches.
pub(super) struct Block<'a> {
    bytes: &'a [u8; BLOCK],
    offset: u64,
}

/// What the header of an old GNU sparse file says of its pieces.
pub(super) struct OldSparse {
    pub(super) runs: Vec<(u64, u64)>,
    pub(super) more: bool,
    pub(super) size: u64,
}

/// Which of the formats with the same block layout a header has; they differ in what is after the
/// device numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Before POSIX: nothing there.
    V7,
    /// POSIX: 155 bytes of name prefix.
    Ustar,
    /// `star`: 131 bytes of name prefix, then times.
    Star,
    /// GNU: times and the sparse map.
    Gnu,
}

impl<'a> Block<'a> {
    /// Checks the checksum, which is the sum of the block's bytes with the checksum itself taken
    /// as spaces; old programs summed signed bytes.
    pub(super) fn new(bytes: &'a [u8; BLOCK], offset: u64) -> Result<Self, TarError> {
        let block = Self { bytes, offset };
        let stored = block.number("checksum", 148, 8)?;
        let mut unsigned: u64 = 0;
        let mut negative: u64 = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let byte = if (148..156).contains(&at) { b' ' } else { *byte };
            unsigned += u64::from(byte);
            negative += if byte >= 128 { 256 } else { 0 };
        }
        if stored == unsigned || stored.checked_add(negative) == Some(unsigned) {
            Ok(block)
        } else {
            Err(TarError::Checksum { offset })
        }
    }

    pub(super) fn kind(&self) -> u8 {
        self.bytes[156]
    }

    /// The name, its prefix in front.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = self.text(0, 100);
        let prefix = match self.dialect() {
            Dialect::Ustar => self.text(345, 155),
            Dialect::Star => self.text(345, 131),
            Dialect::V7 | Dialect::Gnu => b"",
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, name].join(&b'/') }
    }

    pub(super) fn link(&self) -> Vec<u8> {
        self.text(157, 100).to_vec()
    }

    pub(super) fn size(&self) -> Result<u64, TarError> {
        self.number("size", 124, 12)
    }

    /// The permission bits; the file type bits that some programs add are dropped.
    pub(super) fn mode(&self) -> Result<u32, TarError> {
        let mode = self.number("mode", 100, 8)? & 0o7777;
        u32::try_from(mode).map_err(|_| self.invalid("mode"))
    }

    pub(super) fn uid(&self) -> Result<u64, TarError> {
        self.number("uid", 108, 8)
    }

    pub(super) fn gid(&self) -> Result<u64, TarError> {
        self.number("gid", 116, 8)
    }

    pub(super) fn mtime(&self) -> Result<i64, TarError> {
        signed(&self.bytes[136..148]).ok_or_else(|| self.invalid("mtime"))
    }

    pub(super) fn device(&self) -> Result<(u32, u32), TarError> {
        if self.dialect() == Dialect::V7 {
            return Ok((0, 0));
        }
        let number =
            |field, at| u32::try_from(self.number(field, at, 8)?).map_err(|_| self.invalid(field));
        Ok((number("device major", 329)?, number("device minor", 337)?))
    }

    /// The four pieces of an old GNU sparse file, whether more follow, and its real size.
    pub(super) fn sparse(&self) -> Result<OldSparse, TarError> {
        if self.dialect() != Dialect::Gnu {
            return Err(self.invalid("sparse map (not a GNU header)"));
        }
        let runs =
            sparse_pieces(&self.bytes[386..482]).ok_or_else(|| self.invalid("sparse map"))?;
        Ok(OldSparse { runs, more: self.bytes[482] != 0, size: self.number("real size", 483, 12)? })
    }

    fn dialect(&self) -> Dialect {
        match (&self.bytes[257..263], &self.bytes[263..265]) {
            (b"ustar\0", _) if self.bytes[508..512] == *b"tar\0" => Dialect::Star,
            (b"ustar\0", _) => Dialect::Ustar,
            (b"ustar ", b" \0") => Dialect::Gnu,
            _ => Dialect::V7,
        }
    }

    /// A text that ends at the first NUL or at the end of the field.
    fn text(&self, at: usize, len: usize) -> &'a [u8] {
        let field = &self.bytes[at..at + len];
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(len);
        &field[..end]
    }

    fn number(&self, field: &'static str, at: usize, len: usize) -> Result<u64, TarError> {
        number(&self.bytes[at..at + len]).ok_or_else(|| self.invalid(field))
    }

    fn invalid(&self, field: &str) -> TarError {
        TarError::Field { offset: self.offset, field: field.to_owned() }
    }
}

/// The pieces `(offset, length)` in a run of 24-byte sparse descriptors, up to the first empty one.
pub(super) fn sparse_pieces(bytes: &[u8]) -> Option<Vec<(u64, u64)>> {
    bytes
        .chunks_exact(24)
        .take_while(|piece| piece[0] != 0)
        .map(|piece| Some((number(&piece[..12])?, number(&piece[12..])?)))
        .collect()
}

/// A number: octal digits, or base 256 if the first bit is set (GNU). `None` if it is neither, is
/// negative or does not fit.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    signed(field).and_then(|number| u64::try_from(number).ok())
}

/// As [`number`]; base 256 may be negative (times before 1970).
fn signed(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 != 0 {
        return base_256(field, first);
    }
    // Leading spaces, octal digits, then spaces or NULs; all blank is 0.
    let is_pad = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_pad(byte)).unwrap_or(field.len());
    let digits = &field[start..];
    let end = digits.iter().position(is_pad).unwrap_or(digits.len());
    digits[..end].iter().try_fold(0_i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// Two's complement, big-endian, in which the topmost bit of the field marks the encoding and the
/// next one is the sign.
fn base_256(field: &[u8], first: u8) -> Option<i64> {
    let negative = first & 0x40 != 0;
    let start: i64 = if negative { -1 } else { 0 };
    let first = if negative { first } else { first & 0x7f };
    std::iter::once(first)
        .chain(field[1..].iter().copied())
        .try_fold(start, |value, byte| value.checked_mul(256).map(|value| value | i64::from(byte)))
}
