//! From characters to words and operators.

use super::Word;

/// A piece of a line.
pub(super) enum Token {
    /// A word, and the ranges of the commands that are substituted in it.
    Word { word: Word, inside: Vec<(usize, usize)> },
    /// `>`, `>>`, `&>`, `2>`: the next word is written to.
    Output,
    /// `<` and the like.
    Input,
    /// What ends a command.
    End {
        /// `|`
        pipe: bool,
        /// `&&`
        and: bool,
    },
}

pub(super) struct Tokens<'a> {
    line: &'a str,
    at: usize,
    /// Words that end the documents which begin at the next line end.
    documents: Vec<String>,
    wants_document: bool,
}

/// Substitutions that may be open at once before the rest is taken as it is.
const OPEN: usize = 64;

impl<'a> Tokens<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { line, at: 0, documents: Vec::new(), wants_document: false }
    }

    fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    fn take(&mut self, text: &str) -> bool {
        let taken = self.rest().starts_with(text);
        if taken {
            self.at += text.len();
        }
        taken
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
        if self.take("\\\n") {
            self.skip_blanks();
        }
    }

    /// Passes over the documents of `<<WORD` after a line end.
    fn skip_documents(&mut self) {
        for word in std::mem::take(&mut self.documents) {
            while self.at < self.line.len() {
                let line = self.rest().split('\n').next().unwrap_or_default();
                self.at = (self.at + line.len() + 1).min(self.line.len());
                if line.trim() == word {
                    break;
                }
            }
        }
    }

    fn operator(&mut self) -> Option<Token> {
        for (text, pipe, and) in [
            ("&&", false, true),
            ("||", false, false),
            (";;", false, false),
            ("|&", true, false),
            ("|", true, false),
            (";", false, false),
        ] {
            if self.take(text) {
                return Some(Token::End { pipe, and });
            }
        }
        if self.take("\n") {
            self.skip_documents();
            return Some(Token::End { pipe: false, and: false });
        }
        if self.rest().starts_with("<(") || self.rest().starts_with(">(") {
            return None;
        }
        if self.take("(") || self.take(")") {
            return Some(Token::End { pipe: false, and: false });
        }
        // `2>&1` and its like name no file.
        let digits =
            self.rest().len() - self.rest().trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let after = &self.rest()[digits..];
        if !after.starts_with(['<', '>']) && !after.starts_with("&>") {
            return match self.take("&") {
                true => Some(Token::End { pipe: false, and: false }),
                false => None,
            };
        }
        self.at += digits;
        for text in ["<<<", "<<-", "<<"] {
            if self.take(text) {
                self.wants_document = text != "<<<";
                return Some(Token::Input);
            }
        }
        for text in ["&>>", "&>", ">>", ">|", ">"] {
            if self.take(text) {
                let duplicates = self.take("&");
                if duplicates {
                    let rest = self.rest();
                    let end =
                        rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
                    self.at += end;
                }
                return Some(if duplicates { Token::Input } else { Token::Output });
            }
        }
        self.take("<");
        self.take("&");
        Some(Token::Input)
    }

    fn word(&mut self) -> Token {
        let start = self.at;
        let mut word = Word { start, ..Word::default() };
        let mut inside = Vec::new();
        while let Some(next) = self.rest().chars().next() {
            match next {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | ')' => break,
                '<' | '>' | '(' if self.at > start && !self.rest().starts_with("<(") => break,
                '\'' => self.single(&mut word),
                '"' => self.double(&mut word, &mut inside),
                '\\' => self.escape(&mut word),
                '$' | '`' | '<' | '>' => self.expansion(&mut word, &mut inside),
                _ => {
                    word.text.push(next);
                    self.at += next.len_utf8();
                }
            }
        }
        word.end = self.at;
        if std::mem::take(&mut self.wants_document) {
            self.documents.push(word.text);
            return Token::Input;
        }
        Token::Word { word, inside }
    }

    fn single(&mut self, word: &mut Word) {
        self.at += 1;
        let end = self.rest().find('\'').unwrap_or(self.rest().len());
        word.text.push_str(&self.rest()[..end]);
        self.at = (self.at + end + 1).min(self.line.len());
    }

    fn double(&mut self, word: &mut Word, inside: &mut Vec<(usize, usize)>) {
        self.at += 1;
        while let Some(next) = self.rest().chars().next() {
            match next {
                '"' => {
                    self.at += 1;
                    return;
                }
                '\\' if self.rest()[1..].starts_with(['$', '`', '"', '\\', '\n']) => {
                    self.escape(word)
                }
                '$' | '`' => self.expansion(word, inside),
                _ => {
                    word.text.push(next);
                    self.at += next.len_utf8();
                }
            }
        }
    }

    fn escape(&mut self, word: &mut Word) {
        self.at += 1;
        if let Some(next) = self.rest().chars().next() {
            self.at += next.len_utf8();
            if next != '\n' {
                word.text.push(next);
            }
        }
    }

    /// `$x`, `${…}`, `$(…)`, `` `…` ``, `<(…)`: kept as written, its commands noted.
    fn expansion(&mut self, word: &mut Word, inside: &mut Vec<(usize, usize)>) {
        let start = self.at;
        word.expands = true;
        let rest = self.rest();
        let (open, close) = match rest.as_bytes() {
            [b'$', b'{', ..] => (2, Some('}')),
            [b'$' | b'<' | b'>', b'(', ..] => (2, Some(')')),
            [b'`', ..] => (1, Some('`')),
            _ => (1, None),
        };
        self.at += open;
        let Some(close) = close else {
            word.text.push_str(&rest[..open]);
            return;
        };
        let from = self.at;
        self.at += closing(self.rest(), close);
        let commands = close != '}' && !rest.starts_with("$((");
        if commands && self.at > from {
            inside.push((from, self.at));
        }
        if self.rest().starts_with(close) {
            self.at += 1;
        }
        word.text.push_str(&self.line[start..self.at]);
    }
}

/// Where the substitution that `text` is the inside of ends: at its `close`, or with the text.
fn closing(text: &str, close: char) -> usize {
    let mut stack = vec![close];
    let mut chars = text.char_indices();
    while let Some((at, next)) = chars.next() {
        let top = stack.last().copied().unwrap_or(close);
        match next {
            '\\' if top != '\'' => {
                chars.next();
            }
            _ if next == top => {
                stack.pop();
                if stack.is_empty() {
                    return at;
                }
            }
            _ if top == '\'' || stack.len() >= OPEN => {}
            '"' => stack.push('"'),
            '\'' if top != '"' => stack.push('\''),
            '(' if top != '"' => stack.push(')'),
            '(' | '{' if text[..at].ends_with('$') => {
                stack.push(if next == '(' { ')' } else { '}' })
            }
            _ => {}
        }
    }
    text.len()
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_blanks();
        let next = self.rest().chars().next()?;
        if next == '#' {
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            return self.next();
        }
        if let Some(operator) = self.operator() {
            return Some(operator);
        }
        let before = self.at;
        let token = self.word();
        if self.at == before {
            // Whatever this character is, it must not be looked at for ever.
            self.at += next.len_utf8();
        }
        Some(token)
    }
}
