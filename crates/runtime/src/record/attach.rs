//! What a container's monitor and those who have joined the container say to each other.
//!
//! A frame is a byte that says what it is, the length of its content in two bytes, the higher one
//! first, and the content.

use super::log::Stream;

/// Longest content of a frame, in bytes.
pub const LONGEST: usize = 32 * 1024;
const HEADER: usize = 3;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// First of all: whether output is wanted, or only word of the end.
    Hello {
        /// Whether output is wanted.
        output: bool,
    },
    /// Input for the container.
    Input(Vec<u8>),
    /// There is no more input.
    InputEnd,
    /// The size of the terminal that the container's is shown in.
    Size {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
    /// What the container has written.
    Output(Stream, Vec<u8>),
    /// The container has ended for good, with this exit code.
    Ended(u8),
}

/// What was sent is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("could not understand what the other side says: message of kind {0} and length {1}")]
pub struct FrameError(u8, usize);

impl Frame {
    /// The bytes of the frame; content beyond [`LONGEST`] is left out.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (kind, content) = match self {
            Self::Hello { output } => (b'h', vec![u8::from(*output)]),
            Self::Input(bytes) => (b'i', bytes.clone()),
            Self::InputEnd => (b'z', Vec::new()),
            Self::Size { rows, columns } => {
                (b's', [rows.to_be_bytes(), columns.to_be_bytes()].concat())
            }
            Self::Output(Stream::Output, bytes) => (b'o', bytes.clone()),
            Self::Output(Stream::Error, bytes) => (b'e', bytes.clone()),
            Self::Ended(code) => (b'x', vec![*code]),
        };
        let content = &content[..content.len().min(LONGEST)];
        let length = u16::try_from(content.len()).unwrap_or_default();
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(content);
        bytes
    }

    fn decode(kind: u8, content: &[u8]) -> Option<Self> {
        Some(match (kind, content) {
            (b'h', [output @ (0 | 1)]) => Self::Hello { output: *output == 1 },
            (b'i', bytes) => Self::Input(bytes.to_vec()),
            (b'z', []) => Self::InputEnd,
            (b's', [a, b, c, d]) => Self::Size {
                rows: u16::from_be_bytes([*a, *b]),
                columns: u16::from_be_bytes([*c, *d]),
            },
            (b'o', bytes) => Self::Output(Stream::Output, bytes.to_vec()),
            (b'e', bytes) => Self::Output(Stream::Error, bytes.to_vec()),
            (b'x', [code]) => Self::Ended(*code),
            _ => return None,
        })
    }
}

/// Takes bytes as they come, and gives frames.
#[derive(Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    /// Takes bytes, and gives the frames that are complete with them.
    ///
    /// # Errors
    /// When the other side does not speak this language; nothing it says later counts.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
        self.bytes.extend_from_slice(bytes);
        let mut frames = Vec::new();
        let mut rest = self.bytes.as_slice();
        while let [kind, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if length > LONGEST {
                return Err(FrameError(*kind, length));
            }
            let Some(content) = after.get(..length) else { break };
            frames.push(Frame::decode(*kind, content).ok_or(FrameError(*kind, length))?);
            rest = &rest[HEADER + length..];
        }
        // What is left is part of one frame, thus bounded.
        self.bytes = rest.to_vec();
        Ok(frames)
    }

    /// How many bytes wait for the rest of their frame.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame() -> impl Strategy<Value = Frame> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..50);
        prop_oneof![
            any::<bool>().prop_map(|output| Frame::Hello { output }),
            bytes().prop_map(Frame::Input),
            Just(Frame::InputEnd),
            (any::<u16>(), any::<u16>()).prop_map(|(rows, columns)| Frame::Size { rows, columns }),
            bytes().prop_map(|b| Frame::Output(Stream::Output, b)),
            bytes().prop_map(|b| Frame::Output(Stream::Error, b)),
            any::<u8>().prop_map(Frame::Ended),
        ]
    }

    #[test]
    fn nonsense_is_an_error() {
        for bytes in [
            &b"q\0\0"[..],
            b"h\0\x01\x02",
            b"h\0\0",
            b"z\0\x01a",
            b"s\0\x03abc",
            b"x\0\x02ab",
            b"i\xff\xff",
        ] {
            assert!(Frames::default().take(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn frames_survive_being_cut_anywhere(
            sent in proptest::collection::vec(frame(), 0..12),
            step in 1usize..40,
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(Frame::encode).collect();
            let mut frames = Frames::default();
            let mut found = Vec::new();
            for piece in bytes.chunks(step) {
                found.extend(frames.take(piece).unwrap());
            }
            prop_assert_eq!(found, sent);
            prop_assert_eq!(frames.waiting(), 0);
        }

        #[test]
        fn any_bytes_are_taken_without_panic_and_within_bounds(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        ) {
            let mut frames = Frames::default();
            for piece in bytes.chunks(7) {
                if frames.take(piece).is_err() {
                    break;
                }
                prop_assert!(frames.waiting() < HEADER + LONGEST);
            }
        }
    }
}
