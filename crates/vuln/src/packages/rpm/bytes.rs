//! Integers out of foreign bytes: every read is checked against the end.

/// The order of the bytes of an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let array = array(bytes, at)?;
        Some(match self {
            Self::Little => u16::from_le_bytes(array),
            Self::Big => u16::from_be_bytes(array),
        })
    }

    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let array = array(bytes, at)?;
        Some(match self {
            Self::Little => u32::from_le_bytes(array),
            Self::Big => u32::from_be_bytes(array),
        })
    }

    /// A 32-bit length or offset, to index with.
    pub(super) fn size(self, bytes: &[u8], at: usize) -> Option<usize> {
        self.u32(bytes, at).and_then(|value| usize::try_from(value).ok())
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// `length` bytes from `at`.
pub(super) fn slice(bytes: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(length)?)
}

/// Equal pages of a file, each to be taken once: a chain of pages that comes back to where it was
/// ends there, and what all chains together yield is no more than the file.
pub(super) struct Taken(Vec<bool>);

impl Taken {
    pub(super) fn new(pages: usize) -> Self {
        Self(vec![false; pages])
    }

    /// Whether `page` exists and was not taken before.
    pub(super) fn take(&mut self, page: usize) -> bool {
        self.0.get_mut(page).is_some_and(|taken| !std::mem::replace(taken, true))
    }
}
