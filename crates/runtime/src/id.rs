//! A container's name.

use std::{fmt, str::FromStr};

/// A container's name: 1 to 128 of `A-Z a-z 0-9 _ + - .`, not beginning with a dot.
///
/// It names directories and cgroups, thus can hold no slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(String);

/// Why a text is not a container's name.
#[derive(Debug, thiserror::Error)]
#[error(
    "could not use '{0}' as a container's name: 1 to 128 of A-Z a-z 0-9 _ + - . that do not begin with a dot"
)]
pub struct ContainerIdError(String);

impl FromStr for ContainerId {
    type Err = ContainerIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+-.".contains(&b);
        let good =
            (1..=128).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(allowed);
        if good { Ok(Self(text.into())) } else { Err(ContainerIdError(text.into())) }
    }
}

impl ContainerId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_directory() {
        for (text, good) in [
            ("web-1", true),
            ("A_b+c.d", true),
            ("", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("a b", false),
            ("ä", false),
            ("a\n", false),
        ] {
            assert_eq!(text.parse::<ContainerId>().is_ok(), good, "{text:?}");
        }
        assert!("x".repeat(128).parse::<ContainerId>().is_ok());
        assert!("x".repeat(129).parse::<ContainerId>().is_err());
    }
}
