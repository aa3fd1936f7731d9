//! Keys that leave a container alone.

use std::str::FromStr;

/// Keys that leave a container alone, and how many of them have been typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    sequence: Vec<u8>,
    typed: usize,
}

/// What has been typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// For the container.
    Bytes(Vec<u8>),
    /// The whole sequence.
    Leave,
}

impl FromStr for Keys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "keys such as ctrl-p,ctrl-q or ctrl-a,d are wanted".to_owned();
        let key = |name: &str| match name.strip_prefix("ctrl-").unwrap_or("").as_bytes() {
            [letter @ b'a'..=b'z'] => Ok(letter - b'a' + 1),
            [b'@'] => Ok(0),
            [sign @ b'['..=b'_'] => Ok(sign - b'@'),
            _ => match name.as_bytes() {
                [plain @ b'!'..=b'~'] => Ok(*plain),
                _ => Err(wrong()),
            },
        };
        let names = text.split(',').filter(|_| !text.is_empty());
        let sequence = names.map(key).collect::<Result<Vec<u8>, _>>()?;
        if sequence.len() > 16 {
            return Err(wrong());
        }
        Ok(Self { sequence, typed: 0 })
    }
}

impl Keys {
    /// Holds back what may be the beginning of the sequence until it is clear that it is not.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Typed {
        let mut passed = Vec::with_capacity(bytes.len());
        for byte in bytes {
            if self.sequence.get(self.typed) == Some(byte) {
                self.typed += 1;
                if self.typed == self.sequence.len() {
                    return Typed::Leave;
                }
                continue;
            }
            passed.extend_from_slice(&self.sequence[..self.typed]);
            self.typed = usize::from(self.sequence.first() == Some(byte));
            if self.typed == 0 {
                passed.push(*byte);
            } else if self.sequence.len() == 1 {
                return Typed::Leave;
            }
        }
        Typed::Bytes(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_leaves_and_everything_else_is_passed_on() {
        let mut keys: Keys = "ctrl-p,ctrl-q".parse().unwrap();
        let bytes = |text: &[u8]| Typed::Bytes(text.to_vec());
        let mut typed = keys.clone();
        assert_eq!(typed.take(b"a\x10"), bytes(b"a"));
        assert_eq!(typed.take(b"b"), bytes(b"\x10b"));
        assert_eq!(typed.take(b"\x10\x10"), bytes(b"\x10"));
        assert_eq!(typed.take(b"\x11"), Typed::Leave);
        assert_eq!(keys.take(b"ls\r\x10\x11"), Typed::Leave);
        let mut none: Keys = "".parse().unwrap();
        assert_eq!(none.take(b"\x10\x11"), bytes(b"\x10\x11"));
        let mut one: Keys = "ctrl-a".parse().unwrap();
        assert_eq!(one.take(b"x\x01"), Typed::Leave);
        assert_eq!("ctrl-a,d".parse::<Keys>().unwrap().sequence, [1, b'd']);
        assert_eq!("ctrl-[,ctrl-@".parse::<Keys>().unwrap().sequence, [27, 0]);
        for text in ["ctrl-", "ctrl-A", "alt-x", "ä", ",", "ab", "ctrl-p,"] {
            assert!(text.parse::<Keys>().is_err(), "{text}");
        }
    }
}
