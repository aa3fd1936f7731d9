//! Names of hosts, and patterns of them.

use std::{fmt, str::FromStr};

/// Most bytes of a name as text, without the dot at its end (RFC 1035, 2.3.4).
pub const LONGEST: usize = 253;
/// Most bytes of a label.
const LONGEST_LABEL: usize = 63;

/// A name of a host: letters in lower case, digits, hyphens and underscores between dots.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// A name, or every name below one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// The name.
    pub name: Name,
    /// Whether what is below it is meant, instead of the name itself.
    pub below: bool,
}

/// Something that is no name of a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no name of a host")]
pub struct NameError(pub String);

impl Name {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a name of labels as they are in a message.
    #[must_use]
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut text = String::new();
        for label in labels {
            if !text.is_empty() {
                text.push('.');
            }
            let is_fine = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if label.is_empty() || label.len() > LONGEST_LABEL || !label.iter().all(is_fine) {
                return None;
            }
            text.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
            if text.len() > LONGEST {
                return None;
            }
        }
        (!text.is_empty()).then_some(Self(text))
    }

    /// Its labels, first to last.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split('.').map(str::as_bytes)
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// A dot at the end counts for nothing.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let labels = text.strip_suffix('.').unwrap_or(text).split('.').map(str::as_bytes);
        Self::from_labels(labels).ok_or_else(|| NameError(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Pattern {
    /// Whether the name is meant.
    #[must_use]
    pub fn matches(&self, name: &Name) -> bool {
        if !self.below {
            return *name == self.name;
        }
        let above = name.0.strip_suffix(&self.name.0);
        above.is_some_and(|above| above.len() > 1 && above.ends_with('.'))
    }
}

impl FromStr for Pattern {
    type Err = NameError;

    /// `example.org`, or `*.example.org` for what is below.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (rest, below) = match text.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        Ok(Self { name: rest.parse()?, below })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_and_bounded() {
        let name = |text: &str| text.parse::<Name>().map(|name| name.to_string()).ok();
        assert_eq!(name("Example.ORG.").as_deref(), Some("example.org"));
        assert_eq!(name("_x.a-b.c1").as_deref(), Some("_x.a-b.c1"));
        for wrong in ["", ".", "a..b", ".a", "a b", "a/b", "ä.org", &"a".repeat(64), "a\0.b"] {
            assert_eq!(name(wrong), None, "{wrong}");
        }
        let label = "a".repeat(63);
        let longest = [&label[..], &label, &label, &label[..61]].join(".");
        assert_eq!(name(&longest).map(|name| name.len()), Some(LONGEST));
        assert_eq!(name(&format!("{longest}a")), None);
    }

    #[test]
    fn a_pattern_with_a_star_means_what_is_below() {
        let matches = |pattern: &str, name: &str| {
            pattern.parse::<Pattern>().unwrap().matches(&name.parse().unwrap())
        };
        assert!(matches("example.org", "EXAMPLE.org"));
        assert!(!matches("example.org", "www.example.org"));
        assert!(matches("*.example.org", "a.b.example.org"));
        assert!(!matches("*.example.org", "example.org"));
        assert!(!matches("*.example.org", "badexample.org"));
        assert!("*".parse::<Pattern>().is_err() && "a.*.b".parse::<Pattern>().is_err());
    }
}
