/// What kind of file this is, as far as searching it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Lines of text.
    Text,
    /// Something else, such as a program: searched for secrets with a form of their own.
    Binary,
    /// Compressed or encoded, so that no secret could be recognised.
    Opaque,
}

/// First bytes of formats whose content is compressed or made of samples.
const OPAQUE: &[&[u8]] = &[
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"\x04\x22\x4d\x18",
    b"LZIP",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"wOFF",
    b"wOF2",
    b"OggS",
    b"ID3",
    b"fLaC",
    b"\x00\x01\x00\x00\x00",
    b"OTTO",
    b"%PDF",
];

/// Bytes that are looked at to tell text.
const LOOKED_AT: usize = 8192;

impl Content {
    /// What a file that begins with `head` is.
    pub fn of(head: &[u8]) -> Self {
        if OPAQUE.iter().any(|magic| head.starts_with(magic)) {
            Self::Opaque
        } else if memchr::memchr(0, &head[..head.len().min(LOOKED_AT)]).is_some() {
            Self::Binary
        } else {
            Self::Text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_first_bytes() {
        for (head, expected) in [
            (&b""[..], Content::Text),
            (b"key: value\n", Content::Text),
            (b"caf\xe9\n", Content::Text),
            (b"\x7fELF\x02\x01\x01\x00", Content::Binary),
            (b"PK\x03\x04\x14\x00", Content::Opaque),
            (b"\x1f\x8b\x08\x00", Content::Opaque),
        ] {
            assert_eq!(Content::of(head), expected, "{head:?}");
        }
    }
}
