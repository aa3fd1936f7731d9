//! Licence expressions (SPDX specification 3.0, annex B), and what is written instead of them.

use std::fmt;

use super::names;

/// How deep parentheses may be nested.
const DEEPEST: usize = 50;
/// Words that an expression may have.
const MOST_WORDS: usize = 2000;

/// What has to be kept to use a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// One licence.
    Term(Term),
    /// All of these.
    And(Vec<Expression>),
    /// One of these, at will.
    Or(Vec<Expression>),
}

/// A licence, perhaps with an exception from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Identifier, as SPDX writes it where it is known: `GPL-2.0-only`.
    pub id: String,
    /// Whether any later version may be chosen.
    pub or_later: bool,
    /// The exception.
    pub exception: Option<String>,
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        if self.or_later && !self.id.ends_with("-or-later") {
            f.write_str("+")?;
        }
        match &self.exception {
            Some(exception) => write!(f, " WITH {exception}"),
            None => Ok(()),
        }
    }
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// If it is none: what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(id) = names::whole(text.trim()) {
            return Ok(Self::Term(term(id)?));
        }
        let mut words = Words::of(text)?;
        let expression = words.any(DEEPEST)?;
        match words.next() {
            None => Ok(expression),
            Some(_) => Err("something follows its end"),
        }
    }
}

/// The words of an expression, in reverse order.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Result<Self, &'static str> {
        let mut words = Vec::new();
        for word in text.split_whitespace() {
            let mut rest = word;
            while !rest.is_empty() {
                let end = match rest.find(['(', ')', '/', ',', '|', '&']) {
                    Some(0) => 1,
                    Some(at) => at,
                    None => rest.len(),
                };
                let (piece, after) = rest.split_at(end);
                words.push(piece);
                rest = after;
            }
            if words.len() > MOST_WORDS {
                return Err("it is too long");
            }
        }
        words.reverse();
        if words.is_empty() { Err("it is empty") } else { Ok(Self(words)) }
    }

    fn next(&mut self) -> Option<&'a str> {
        self.0.pop()
    }

    /// Takes the next word if it is one of these, in any case.
    fn takes(&mut self, wanted: &[&str]) -> bool {
        let is_next = self
            .0
            .last()
            .is_some_and(|word| wanted.iter().any(|wanted| word.eq_ignore_ascii_case(wanted)));
        if is_next {
            self.0.pop();
        }
        is_next
    }

    /// One of several: `A OR B`, `A/B`, `A | B`.
    fn any(&mut self, left: usize) -> Result<Expression, &'static str> {
        let mut all = vec![self.all(left)?];
        while self.takes(&["or", "/", "|"]) {
            // Two bars, as some write it.
            self.takes(&["|"]);
            all.push(self.all(left)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expression::Or(all) })
    }

    /// All of several: `A AND B`, `A, B`, `A & B`.
    fn all(&mut self, left: usize) -> Result<Expression, &'static str> {
        let mut all = vec![self.one(left)?];
        while self.takes(&["and", ",", "&"]) {
            // `A, and B` is one step.
            self.takes(&["and", "&"]);
            all.push(self.one(left)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expression::And(all) })
    }

    fn one(&mut self, left: usize) -> Result<Expression, &'static str> {
        if left == 0 {
            return Err("its parentheses are nested too deep");
        }
        if self.takes(&["("]) {
            let inner = self.any(left - 1)?;
            if !self.takes(&[")"]) {
                return Err("a parenthesis is not closed");
            }
            return Ok(inner);
        }
        let word = self.next().ok_or("it ends where a licence should follow")?;
        let mut term = term(names::word(word))?;
        if self.takes(&["with"]) {
            let exception = self.next().filter(|word| is_identifier(word));
            term.exception = Some(exception.ok_or("no exception follows WITH")?.to_owned());
        }
        Ok(Expression::Term(term))
    }
}

fn is_identifier(word: &str) -> bool {
    const OPERATORS: [&str; 3] = ["and", "or", "with"];
    let of_identifier = |c: char| c.is_ascii_alphanumeric() || ".-_+:".contains(c);
    word.starts_with(|c: char| c.is_ascii_alphanumeric())
        && word.chars().all(of_identifier)
        && !OPERATORS.iter().any(|operator| word.eq_ignore_ascii_case(operator))
}

/// A term of an identifier with its suffixes: `+`, `-only`, `-or-later`, and the exceptions that
/// were part of an identifier once.
fn term(word: &str) -> Result<Term, &'static str> {
    if !is_identifier(word) {
        return Err("a word of it is no licence");
    }
    let (word, exception) = names::split_exception(word);
    let bare = word.strip_suffix('+').unwrap_or(word);
    let has_plus = bare.len() < word.len();
    let lower = bare.to_ascii_lowercase();
    let is_gnu = names::is_gnu(&lower);
    let or_later = has_plus || (is_gnu && lower.ends_with("-or-later"));
    let mut id = bare.to_owned();
    if is_gnu && !lower.ends_with("-only") && !lower.ends_with("-or-later") {
        id.push_str(if has_plus { "-or-later" } else { "-only" });
    }
    Ok(Term { id, or_later, exception: exception.map(str::to_owned) })
}
