/// Whether `text` matches `pattern`, in which `*` stands for any run of characters (`/` and none
/// included) and everything else for itself.
///
/// Looks at each pair of pattern and text position at most once in the worst case: no pattern can
/// make it exponential.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut next) = (0, 0);
    // Position after the last star, and the text position up to which that star has reached.
    let mut star: Option<(usize, usize)> = None;
    while next < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                star = Some((at, next));
            }
            Some(byte) if *byte == text[next] => {
                at += 1;
                next += 1;
            }
            _ => {
                let Some((after, reached)) = star else { return false };
                at = after;
                next = reached + 1;
                star = Some((after, next));
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Whether a pattern matches every text.
pub(crate) fn is_everything(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.bytes().all(|byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn star_stands_for_any_run() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "registry/a:1", true),
            ("open*", "openssl", true),
            ("open*", "libopen", false),
            ("*ssl", "openssl", true),
            ("*ssl", "openssl3", false),
            ("o*s*l", "openssl", true),
            ("o*s*l", "openss", false),
            ("a**b", "ab", true),
            ("a*b", "a*b", true),
            ("a.c", "abc", false),
            ("[a]", "a", false),
            ("é*", "été", true),
            ("*e", "été", false),
            ("é*é", "été", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} against {text:?}");
        }
    }

    #[test]
    fn a_pattern_of_stars_against_a_long_text_ends() {
        let text = "a".repeat(20_000);
        assert!(!matches(&format!("{}b", "*a".repeat(50)), &text));
    }

    /// The definition, written the slow way.
    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, rest) => rest.is_none(),
            (Some((b'*', pattern_rest)), _) => {
                (0..=text.len()).any(|skipped| by_definition(pattern_rest, &text[skipped..]))
            }
            (Some((byte, pattern_rest)), Some((first, rest))) => {
                byte == first && by_definition(pattern_rest, rest)
            }
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(
                matches(&pattern, &text),
                by_definition(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}
