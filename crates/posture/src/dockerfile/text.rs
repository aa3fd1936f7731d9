use crate::shell::{self, Word};

/// Arguments on one line, and where in the file each part of them is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// The line, continuations taken away.
    pub text: String,
    /// Places where it continues: offset in the line, offset in the file.
    pub pieces: Vec<(usize, usize)>,
}

impl Text {
    /// Adds a part that is at `offset` in the file.
    pub(super) fn push(&mut self, part: &str, offset: usize) {
        self.pieces.push((self.text.len(), offset));
        self.text.push_str(part);
    }

    /// The rest, from `at`.
    pub(super) fn from(&self, at: usize) -> Self {
        let mut rest = Self::default();
        rest.pieces.push((0, self.offset(at)));
        let later = self.pieces.iter().filter(|(start, _)| *start > at);
        rest.pieces.extend(later.map(|(start, offset)| (start - at, *offset)));
        self.text[at..].clone_into(&mut rest.text);
        rest
    }

    /// Where in the file the byte `at` of the line is.
    pub fn offset(&self, at: usize) -> usize {
        let piece = self.pieces.iter().rev().find(|(start, _)| *start <= at);
        piece.map_or(at, |(start, offset)| offset + (at - start))
    }
}

/// Names and values, quotes taken away.
pub(super) fn pairs(text: &str, spaced: bool) -> Vec<(String, Option<String>)> {
    let words: Vec<Word> = shell::words(text);
    let Some(first) = words.first() else { return Vec::new() };
    // The old form: a name, and the rest of the line is the value.
    if spaced && !first.text.contains('=') {
        let value = text[first.end..].trim();
        return vec![(first.text.clone(), Some(value.trim_matches('"').to_owned()))];
    }
    let pair = |word: Word| match word.text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word.text, None),
    };
    words.into_iter().map(pair).collect()
}
