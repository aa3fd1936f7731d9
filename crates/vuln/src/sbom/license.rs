//! Whether a declared licence is an SPDX identifier, an SPDX expression or free text.

use std::sync::LazyLock;

/// What a package declares as its licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    /// An identifier of the SPDX licence list.
    Identifier,
    /// An SPDX licence expression (SPDX specification, annex "SPDX license expressions").
    Expression,
    /// Anything else: `GPLv2+ and BSD`.
    Text,
}

/// The identifiers of licences and exceptions of the SPDX licence list 3.28.0, sorted.
static IDENTIFIERS: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("spdx-identifiers.txt").lines().collect());

fn is_known(identifier: &str) -> bool {
    IDENTIFIERS.binary_search(&identifier).is_ok()
}

/// Sorts a declared licence into one of the kinds.
pub(super) fn declared(text: &str) -> Declared {
    if is_known(text) {
        Declared::Identifier
    } else if is_expression(text) {
        Declared::Expression
    } else {
        Declared::Text
    }
}

/// Whether identifiers and operators alternate, and every parenthesis has its other. All
/// identifiers have to be known, or made for the occasion (`LicenseRef-…`).
fn is_expression(text: &str) -> bool {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut open = 0_usize;
    let mut operand_next = true;
    for token in spaced.split_whitespace() {
        let fits = match token {
            "(" => {
                open += 1;
                operand_next
            }
            ")" => {
                let closes = open > 0 && !operand_next;
                open = open.saturating_sub(1);
                closes
            }
            "AND" | "OR" | "WITH" => !std::mem::replace(&mut operand_next, true),
            identifier => is_operand(identifier) && std::mem::replace(&mut operand_next, false),
        };
        if !fits {
            return false;
        }
    }
    open == 0 && !operand_next
}

fn is_operand(identifier: &str) -> bool {
    is_known(identifier.strip_suffix('+').unwrap_or(identifier))
        || identifier
            .strip_prefix("LicenseRef-")
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_identifier_character))
}

fn is_identifier_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_identifiers_expressions_and_text_apart() {
        for (text, expected) in [
            ("MIT", Declared::Identifier),
            ("GPL-2.0-only", Declared::Identifier),
            ("MIT AND BSD-3-Clause", Declared::Expression),
            ("(MIT OR Apache-2.0) AND Zlib", Declared::Expression),
            ("GPL-2.0-or-later WITH Classpath-exception-2.0", Declared::Expression),
            ("LicenseRef-Fedora-Public-Domain AND MIT", Declared::Expression),
            ("EPL-1.0+", Declared::Expression),
            ("GPLv2+", Declared::Text),
            ("GPLv2+ and BSD", Declared::Text),
            ("MIT BSD GPL2+", Declared::Text),
            ("MIT AND", Declared::Text),
            ("AND MIT", Declared::Text),
            ("(MIT", Declared::Text),
            ("MIT)", Declared::Text),
            ("()", Declared::Text),
            ("MIT (Zlib)", Declared::Text),
            ("", Declared::Text),
        ] {
            assert_eq!(declared(text), expected, "{text}");
        }
    }

    #[test]
    fn the_list_is_sorted() {
        assert!(IDENTIFIERS.is_sorted());
    }
}
