//! Patterns of the shell and of POSIX regular expressions.

use regex::{Regex, RegexBuilder};

/// Bytes of a compiled pattern.
const COMPILED_LIMIT: usize = 1 << 20;
/// Characters of a pattern.
const LENGTH_LIMIT: usize = 4096;

/// A pattern as the shell, `find` and `case` have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob(Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Letter(char),
    Any,
    Many,
    Set { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    /// Reads a pattern; letters that are quoted stand for themselves.
    pub(super) fn new(letters: &[(char, bool)]) -> Self {
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some((letter, quoted)) = letters.get(at).copied() {
            at += 1;
            tokens.push(match letter {
                _ if quoted => Token::Letter(letter),
                '*' => Token::Many,
                '?' => Token::Any,
                '[' => match set(&letters[at..]) {
                    Some((token, length)) => {
                        at += length;
                        token
                    }
                    None => Token::Letter('['),
                },
                _ => Token::Letter(letter),
            });
        }
        Self(tokens)
    }

    /// Reads a pattern in which a backslash quotes.
    pub(super) fn parse(text: &str) -> Self {
        let mut letters = Vec::new();
        let mut rest = text.chars();
        while let Some(letter) = rest.next() {
            match (letter, rest.clone().next()) {
                ('\\', Some(next)) => {
                    rest.next();
                    letters.push((next, true));
                }
                _ => letters.push((letter, false)),
            }
        }
        Self::new(&letters)
    }

    /// Whether it matches all of `text`.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut token, mut letter) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        loop {
            match (self.0.get(token), text.get(letter)) {
                (Some(Token::Many), _) => {
                    star = Some((token + 1, letter));
                    token += 1;
                    continue;
                }
                (None, None) => return true,
                (Some(single), Some(found)) if single.takes(*found) => {
                    token += 1;
                    letter += 1;
                    continue;
                }
                _ => {}
            }
            // The last star takes one letter more.
            let Some((after, taken)) = star.filter(|(_, taken)| *taken < text.len()) else {
                return false;
            };
            star = Some((after, taken + 1));
            (token, letter) = (after, taken + 1);
        }
    }
}

impl Token {
    fn takes(&self, letter: char) -> bool {
        match self {
            Self::Letter(own) => *own == letter,
            Self::Any => true,
            Self::Many => false,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&letter)) != *negated
            }
        }
    }
}

/// A bracket expression, and its length with the closing bracket.
fn set(letters: &[(char, bool)]) -> Option<(Token, usize)> {
    let negated = matches!(letters.first(), Some(('!' | '^', false)));
    let start = usize::from(negated);
    let mut ranges = Vec::new();
    let mut at = start;
    loop {
        let (letter, quoted) = letters.get(at).copied()?;
        if letter == ']' && !quoted && at > start {
            return Some((Token::Set { negated, ranges }, at + 1));
        }
        match (letters.get(at + 1), letters.get(at + 2)) {
            (Some(('-', false)), Some((to, _))) if *to != ']' => {
                ranges.push((letter, *to));
                at += 3;
            }
            _ => {
                ranges.push((letter, letter));
                at += 1;
            }
        }
    }
}

/// Which regular expressions a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// `grep`, `sed`.
    Basic,
    /// `grep -E`, `sed -E`, `awk`.
    Extended,
    /// `grep -F`.
    Fixed,
}

/// A POSIX regular expression with GNU's extensions.
pub(super) fn posix(text: &str, flavour: Flavour, fold: bool) -> Result<Regex, String> {
    if text.len() > LENGTH_LIMIT {
        return Err(format!("a pattern is longer than {LENGTH_LIMIT} bytes"));
    }
    let translated = match flavour {
        Flavour::Fixed => regex::escape(text),
        _ => translate(text, flavour == Flavour::Extended)?,
    };
    RegexBuilder::new(&translated)
        .case_insensitive(fold)
        .size_limit(COMPILED_LIMIT)
        .build()
        .map_err(|_| format!("'{text}' is no regular expression that can be used"))
}

fn translate(text: &str, extended: bool) -> Result<String, String> {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let (mut at, mut open) = (0, 0_usize);
    // Whether what comes now is at the beginning of an expression.
    let mut begins = true;
    while let Some(letter) = letters.get(at).copied() {
        at += 1;
        let escaped = letter == '\\';
        let letter = if escaped {
            let next = letters.get(at).copied().ok_or("a pattern ends with a backslash")?;
            at += 1;
            next
        } else {
            letter
        };
        let begun = std::mem::replace(&mut begins, false);
        match letter {
            '(' | ')' | '|' | '+' | '?' | '{' | '}' if escaped != extended => {
                let repeats = matches!(letter, '+' | '?' | '{');
                if repeats && begun {
                    out.push_str(&regex::escape(&letter.to_string()));
                    continue;
                }
                match letter {
                    '(' => open += 1,
                    ')' if open == 0 && extended => {
                        out.push_str("\\)");
                        continue;
                    }
                    ')' => open = open.saturating_sub(1),
                    '{' => {
                        let (bounds, length) = bounds(&letters[at..], escaped)
                            .ok_or("a repetition that is not understood")?;
                        out.push_str(&bounds);
                        at += length;
                        continue;
                    }
                    _ => {}
                }
                begins = matches!(letter, '(' | '|');
                out.push(letter);
            }
            '*' if !escaped && begun => out.push_str("\\*"),
            '*' if !escaped => out.push('*'),
            '.' if !escaped => out.push('.'),
            '^' if !escaped && (begun || extended) => {
                out.push('^');
                begins = true;
            }
            '$' if !escaped && (extended || ends(&letters[at..])) => out.push('$'),
            '[' if !escaped => at += bracket(&letters[at..], &mut out)?,
            'w' | 'W' | 's' | 'S' | 'b' | 'B' if escaped => {
                out.push('\\');
                out.push(letter);
            }
            '<' | '>' if escaped => out.push_str("\\b"),
            'n' if escaped => out.push_str("\\n"),
            't' if escaped => out.push_str("\\t"),
            '1'..='9' if escaped => return Err("a pattern refers to its own groups".into()),
            _ => out.push_str(&regex::escape(&letter.to_string())),
        }
    }
    Ok(out)
}

/// Whether a basic expression ends here, or one of its parts.
fn ends(rest: &[char]) -> bool {
    rest.is_empty() || rest.starts_with(&['\\', ')']) || rest.starts_with(&['\\', '|'])
}

/// `2,3}` or `2,3\}`: as a repetition, and its length.
fn bounds(rest: &[char], escaped: bool) -> Option<(String, usize)> {
    let length = rest.iter().position(|letter| !(letter.is_ascii_digit() || *letter == ','))?;
    let end: &[char] = if escaped { &['\\', '}'] } else { &['}'] };
    if length == 0 || !rest[length..].starts_with(end) {
        return None;
    }
    let mut bounds: String = rest[..length].iter().collect();
    if bounds.starts_with(',') {
        bounds.insert(0, '0');
    }
    Some((format!("{{{bounds}}}"), length + end.len()))
}

/// A bracket expression; returns how many letters it has.
fn bracket(rest: &[char], out: &mut String) -> Result<usize, String> {
    let mut at = 0;
    out.push('[');
    if rest.first() == Some(&'^') {
        out.push('^');
        at += 1;
    }
    let start = at;
    loop {
        let letter = rest.get(at).copied().ok_or("a bracket of a pattern is not closed")?;
        at += 1;
        match letter {
            ']' if at > start + 1 => {
                out.push(']');
                return Ok(at);
            }
            '[' if rest.get(at) == Some(&':') => {
                let close = rest[at..].windows(2).position(|pair| pair == [':', ']']);
                let close = close.ok_or("a class of a pattern is not closed")?;
                out.push('[');
                out.extend(&rest[at..at + close + 2]);
                at += close + 2;
            }
            '-' if at > start + 1 && rest.get(at).is_some_and(|next| *next != ']') => out.push('-'),
            _ if letter.is_alphanumeric() => out.push(letter),
            _ if letter.is_ascii() && !letter.is_ascii_control() && letter != ' ' => {
                out.push('\\');
                out.push(letter);
            }
            _ => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_the_shell_match_whole_texts() {
        for (pattern, text, matches) in [
            ("*etcd*", "my-etcd.conf", true),
            ("*.crt", "ca.crt", true),
            ("*.crt", "ca.crt.old", false),
            ("a?c", "abc", true),
            ("[!a-c]x", "dx", true),
            ("[a-c]x", "dx", false),
            ("[", "[", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("*a*b*c", "xxaxxbxxbc", true),
            ("", "", true),
            ("*", "", true),
        ] {
            assert_eq!(Glob::parse(pattern).matches(text), matches, "{pattern} {text}");
        }
        let slow = Glob::parse(&"*a".repeat(200));
        assert!(!slow.matches(&format!("{}b", "a".repeat(2000))));
    }

    #[test]
    fn regular_expressions_are_those_of_posix() {
        use Flavour::{Basic, Extended, Fixed};
        for (pattern, flavour, text, matches) in [
            ("a|b", Extended, "b", true),
            ("a|b", Basic, "b", false),
            ("a\\|b", Basic, "b", true),
            (
                "--authorization-mode=\\(\\w\\+\\|,\\)*RBAC\\(\\w\\+\\|,\\)* --",
                Basic,
                "--authorization-mode=Node,RBAC --x",
                true,
            ),
            ("^service\\s\\+kubernetes\\s", Basic, "service  kubernetes 1", true),
            ("\\[\"\\*\"\\]", Basic, "[\"*\"]", true),
            ("providers\\\"\\:\\[.*\\]", Basic, "providers\":[{}]", true),
            ("[A-Za-z]*", Basic, "", true),
            ("[k]ubelet", Basic, "kubelet", true),
            ("[= ]", Basic, "=", true),
            ("[^ ]x", Basic, " x", false),
            ("*a", Basic, "*a", true),
            ("a{2}", Extended, "aa", true),
            ("a\\{2,\\}", Basic, "a", false),
            ("[[:digit:]]+", Extended, "7", true),
            ("[]a]", Basic, "]", true),
            ("a.b", Fixed, "axb", false),
            ("a$b", Basic, "a$b", true),
            ("x^", Basic, "x^", true),
        ] {
            let regex = posix(pattern, flavour, false).unwrap();
            assert_eq!(regex.is_match(text), matches, "{pattern} as {}", regex.as_str());
        }
        assert!(posix("\\(a\\)\\1", Basic, false).is_err());
        assert!(posix("[a", Basic, false).is_err());
        assert!(posix("a{1000}{1000}", Extended, false).is_err());
        assert!(posix("a\\", Basic, false).is_err());
    }
}
