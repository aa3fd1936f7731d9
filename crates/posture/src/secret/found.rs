use serde::{Deserialize, Serialize};

/// A secret, without itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Found {
    /// Offset of its first byte in the file.
    pub offset: u64,
    /// Bytes of it.
    pub length: u32,
    /// Line, from 1; none in a binary file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Id of the rule, `secret-` included.
    pub rule: String,
    /// Its first characters, at most four and never more than a fifth.
    pub shown: String,
}

/// The part of a secret that may be shown.
pub(super) fn shown(secret: &[u8]) -> String {
    let count = (secret.len() / 5).min(4);
    let first = secret.iter().take(count).take_while(|byte| byte.is_ascii_graphic());
    first.map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_four_characters_or_a_fifth() {
        for (secret, expected) in [
            ("", ""),
            ("abcd", ""),
            ("abcde", "a"),
            ("abcdefghij", "ab"),
            ("a\nbcdefghijklmnopqrstu", "a"),
        ] {
            assert_eq!(shown(secret.as_bytes()), expected);
        }
        assert_eq!(shown(&[b'x'; 1000]), "xxxx");
    }
}
