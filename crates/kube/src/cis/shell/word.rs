//! Words: quotes, parameters, substitutions.

use super::{
    ast::{Operation, Part, Script, Word},
    parse::{Parser, Syntax, nested},
};

/// Characters that end a word.
const METACHARACTERS: &str = " \t\r\n;&|<>()";

/// Whether a text may name a variable.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

impl Parser {
    /// The next word, if one begins here.
    pub(super) fn word(&mut self) -> Result<Option<Word>, Syntax> {
        let start = self.at;
        let word = self.parts(METACHARACTERS)?;
        Ok((self.at > start).then_some(word))
    }

    /// Parts up to one of the letters in `ends`.
    fn parts(&mut self, ends: &str) -> Result<Word, Syntax> {
        let mut word = Word::new();
        while let Some(letter) = self.peek() {
            if self.looks_at("<(") && ends.contains('<') {
                self.at += 2;
                word.push(Part::Process(self.enclosed()?));
                continue;
            }
            if ends.contains(letter) {
                break;
            }
            match letter {
                '\\' => {
                    self.at += 1;
                    match self.peek() {
                        None => word.push(Part::Quoted("\\".into())),
                        Some('\n') => self.at += 1,
                        Some(next) => {
                            self.at += 1;
                            word.push(Part::Quoted(next.into()));
                        }
                    }
                }
                '\'' => {
                    self.at += 1;
                    word.push(Part::Quoted(self.until('\'')?));
                }
                '"' => {
                    self.at += 1;
                    word.push(Part::Double(self.double()?));
                }
                '$' if self.ahead(1) == Some('\'') => {
                    self.at += 2;
                    word.push(Part::Quoted(self.escaped()?));
                }
                '$' => word.push(self.dollar()?),
                '`' => word.push(self.backquotes()?),
                _ => {
                    self.at += 1;
                    plain(&mut word, letter);
                }
            }
        }
        Ok(word)
    }

    fn until(&mut self, end: char) -> Result<String, Syntax> {
        let start = self.at;
        while let Some(letter) = self.peek() {
            self.at += 1;
            if letter == end {
                return Ok(self.text[start..self.at - 1].iter().collect());
            }
        }
        Err("a quote is not closed".into())
    }

    /// The inside of double quotes.
    fn double(&mut self) -> Result<Vec<Part>, Syntax> {
        self.enter()?;
        let mut parts = Vec::new();
        while let Some(letter) = self.peek() {
            match letter {
                '"' => {
                    self.at += 1;
                    self.depth -= 1;
                    return Ok(parts);
                }
                '\\' => {
                    self.at += 1;
                    match self.peek() {
                        Some('\n') => self.at += 1,
                        Some(next @ ('"' | '\\' | '$' | '`')) => {
                            self.at += 1;
                            plain(&mut parts, next);
                        }
                        _ => plain(&mut parts, '\\'),
                    }
                }
                '$' => parts.push(self.dollar()?),
                '`' => parts.push(self.backquotes()?),
                _ => {
                    self.at += 1;
                    plain(&mut parts, letter);
                }
            }
        }
        Err("a quote is not closed".into())
    }

    /// The inside of `$'…'`.
    fn escaped(&mut self) -> Result<String, Syntax> {
        let mut text = String::new();
        while let Some(letter) = self.peek() {
            self.at += 1;
            match letter {
                '\'' => return Ok(text),
                '\\' => {
                    let next = self.peek().ok_or("a quote is not closed")?;
                    self.at += 1;
                    match next {
                        'n' => text.push('\n'),
                        't' => text.push('\t'),
                        '\\' | '\'' | '"' => text.push(next),
                        _ => return Err(format!("the escape '\\{next}'")),
                    }
                }
                _ => text.push(letter),
            }
        }
        Err("a quote is not closed".into())
    }

    fn backquotes(&mut self) -> Result<Part, Syntax> {
        self.enter()?;
        self.at += 1;
        let mut inner = String::new();
        while let Some(letter) = self.peek() {
            self.at += 1;
            match (letter, self.peek()) {
                ('`', _) => {
                    let script = nested(&inner, self.depth)?;
                    self.depth -= 1;
                    return Ok(Part::Command(script));
                }
                ('\\', Some(next @ ('`' | '\\' | '$'))) => {
                    self.at += 1;
                    inner.push(next);
                }
                _ => inner.push(letter),
            }
        }
        Err("a backquote is not closed".into())
    }

    /// A script up to the parenthesis that closes.
    fn enclosed(&mut self) -> Result<Script, Syntax> {
        self.enter()?;
        let script = self.script()?;
        self.depth -= 1;
        if self.take(")") { Ok(script) } else { Err("a substitution is not closed".into()) }
    }

    fn dollar(&mut self) -> Result<Part, Syntax> {
        self.at += 1;
        if self.take("((") {
            self.enter()?;
            let parts = self.parts_of_arithmetic()?;
            self.depth -= 1;
            return Ok(Part::Arithmetic(parts));
        }
        if self.take("(") {
            return self.enclosed().map(Part::Command);
        }
        if self.take("{") {
            self.enter()?;
            let part = self.braces()?;
            self.depth -= 1;
            return Ok(part);
        }
        let name = match self.peek() {
            Some(letter @ ('?' | '#' | '$' | '!' | '@' | '*' | '0'..='9')) => {
                self.at += 1;
                letter.to_string()
            }
            _ => self.name(),
        };
        Ok(if name.is_empty() {
            Part::Plain("$".into())
        } else {
            Part::Parameter { name, operation: None }
        })
    }

    fn parts_of_arithmetic(&mut self) -> Result<Vec<Part>, Syntax> {
        let (mut parts, mut open) = (Vec::new(), 0_usize);
        while let Some(letter) = self.peek() {
            match letter {
                '$' => {
                    parts.push(self.dollar()?);
                    continue;
                }
                ')' if open == 0 => {
                    return if self.take("))") {
                        Ok(parts)
                    } else {
                        Err("an arithmetic expression is not closed".into())
                    };
                }
                ')' => open -= 1,
                '(' => open += 1,
                _ => {}
            }
            self.at += 1;
            plain(&mut parts, letter);
        }
        Err("an arithmetic expression is not closed".into())
    }

    /// The inside of `${…}`.
    fn braces(&mut self) -> Result<Part, Syntax> {
        let length = self.peek() == Some('#') && self.ahead(1) != Some('}');
        if length {
            self.at += 1;
        }
        let name = match self.peek() {
            Some(letter @ ('?' | '@' | '*' | '#')) => {
                self.at += 1;
                letter.to_string()
            }
            _ => self.name(),
        };
        let operation = if length { Some(Operation::Length) } else { self.operation()? };
        if name.is_empty() || !self.take("}") {
            return Err("a parameter that is not known".into());
        }
        Ok(Part::Parameter { name, operation })
    }

    fn operation(&mut self) -> Result<Option<Operation>, Syntax> {
        let colon = self.take(":");
        let Some(operator) = self.peek().filter(|letter| *letter != '}') else {
            return if colon { Err("a part of a parameter".into()) } else { Ok(None) };
        };
        self.at += 1;
        let doubled = "#%/".contains(operator) && self.peek() == Some(operator);
        if doubled {
            self.at += 1;
        }
        match operator {
            '-' | '=' | '?' | '+' => {
                Ok(Some(Operation::Default { operator, colon, word: self.parts("}")? }))
            }
            '#' | '%' if !colon => Ok(Some(Operation::Strip {
                suffix: operator == '%',
                longest: doubled,
                pattern: self.parts("}")?,
            })),
            '/' if !colon => {
                let pattern = self.parts("/}")?;
                let with = if self.take("/") { self.parts("}")? } else { Word::new() };
                Ok(Some(Operation::Replace { all: doubled, pattern, with }))
            }
            _ => Err(format!("the parameter operation '{operator}'")),
        }
    }
}

fn plain(word: &mut Word, letter: char) {
    if let Some(Part::Plain(text)) = word.last_mut() {
        text.push(letter);
    } else {
        word.push(Part::Plain(letter.into()));
    }
}
