//! Reading and writing of variable-length numbers and texts; every read is checked.

use super::{Damage, format::Section};

/// A place in a section.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
    section: Section,
}

impl<'a> Cursor<'a> {
    /// At `offset` of a section.
    pub(super) const fn new(bytes: &'a [u8], offset: usize, section: Section) -> Self {
        Self { bytes, offset, section }
    }

    pub(super) fn damage(&self, what: &'static str) -> Damage {
        let offset = u64::try_from(self.offset).unwrap_or(u64::MAX);
        Damage { what, section: self.section.name(), offset }
    }

    pub(super) const fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn byte(&mut self) -> Result<u8, Damage> {
        let byte = self.bytes.get(self.offset).ok_or_else(|| self.damage("it ends too early"))?;
        self.offset += 1;
        Ok(*byte)
    }

    /// A number in groups of seven bits, the least first (LEB128).
    pub(super) fn number(&mut self) -> Result<u32, Damage> {
        let mut number: u32 = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0x0f {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.damage("a number is too large"))
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Damage> {
        let length = self.number()?;
        let end = usize::try_from(length).ok().and_then(|length| self.offset.checked_add(length));
        let bytes = end.and_then(|end| self.bytes.get(self.offset..end));
        let bytes = bytes.ok_or_else(|| self.damage("it ends too early"))?;
        self.offset += bytes.len();
        Ok(bytes)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Damage> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_| self.damage("a text is not UTF-8"))
    }
}

/// Appends a number as [`Cursor::number`] reads it.
pub(super) fn put_number(to: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push((number & 0x7f) as u8);
}

/// Appends a text as [`Cursor::text`] reads it. Texts of 4 GiB do not come up: callers cut them.
pub(super) fn put_text(to: &mut Vec<u8>, text: &str) {
    put_number(to, u32::try_from(text.len()).unwrap_or(u32::MAX));
    to.extend(text.as_bytes());
}
