//! Numbers, texts and lists as bytes, for files that are read as if somebody else had written them.
//!
//! A number is in groups of seven bits, the least first, the top bit set on all but the last
//! (LEB128); a text is its length and UTF-8. Every read is checked, and no count is believed beyond
//! what the bytes that are left could hold.

/// Where bytes are not as they were written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} (at byte {offset})")]
pub struct Malformed {
    /// What is wrong.
    pub what: &'static str,
    /// The place.
    pub offset: u64,
}

/// A place in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0 }
    }

    pub(crate) fn malformed(&self, what: &'static str) -> Malformed {
        Malformed { what, offset: u64::try_from(self.offset).unwrap_or(u64::MAX) }
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.offset
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let byte =
            self.bytes.get(self.offset).ok_or_else(|| self.malformed("it ends too early"))?;
        self.offset += 1;
        Ok(*byte)
    }

    pub(crate) fn long(&mut self) -> Result<u64, Malformed> {
        let mut number: u64 = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.malformed("a number is too large"))
    }

    pub(crate) fn number(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.long()?).map_err(|_| self.malformed("a number is too large"))
    }

    /// A number of things of at least `least` bytes each: no more than there can be.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.long()?).ok();
        let fits = count.filter(|count| *count <= self.left() / least.max(1));
        fits.ok_or_else(|| self.malformed("a list is longer than what holds it"))
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let end = self.offset.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.offset..end));
        let taken = taken.ok_or_else(|| self.malformed("it ends too early"))?;
        self.offset += length;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.malformed("it ends too early"))
    }

    pub(crate) fn blob(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.count(1)?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        let bytes = self.blob()?;
        std::str::from_utf8(bytes).map_err(|_| self.malformed("a text is not UTF-8"))
    }

    /// That nothing is left.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.left() == 0 { Ok(()) } else { Err(self.malformed("something follows the end")) }
    }
}

pub(crate) fn put_long(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push((number & 0x7f) as u8);
}

pub(crate) fn put_count(to: &mut Vec<u8>, count: usize) {
    put_long(to, u64::try_from(count).unwrap_or(u64::MAX));
}

pub(crate) fn put_blob(to: &mut Vec<u8>, bytes: &[u8]) {
    put_count(to, bytes.len());
    to.extend(bytes);
}

pub(crate) fn put_text(to: &mut Vec<u8>, text: &str) {
    put_blob(to, text.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_is_read(numbers in proptest::collection::vec(any::<u64>(), 0..20), text in ".*") {
            let mut bytes = Vec::new();
            put_text(&mut bytes, &text);
            put_count(&mut bytes, numbers.len());
            numbers.iter().for_each(|number| put_long(&mut bytes, *number));
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.text().unwrap(), text);
            let count = reader.count(1).unwrap();
            let read: Vec<u64> = (0..count).map(|_| reader.long().unwrap()).collect();
            prop_assert_eq!(read, numbers);
            prop_assert!(reader.end().is_ok());
        }
    }

    #[test]
    fn a_count_beyond_the_bytes_is_refused() {
        let mut bytes = Vec::new();
        put_long(&mut bytes, u64::MAX);
        assert!(Reader::new(&bytes).count(1).is_err());
        assert!(Reader::new(&bytes).number().is_err());
        assert!(Reader::new(&[0xff; 11]).long().is_err());
    }
}
