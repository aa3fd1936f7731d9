//! The command language, as far as benchmarks use it, from text.
//!
//! Every loop here takes at least one character of the text, or ends.

use super::{
    ast::{
        AndOr, Assignment, Command, Connective, Kind, Part, Pipeline, Redirection, Script, Way,
        Word,
    },
    word::is_name,
};

/// Commands in commands.
const DEPTH_LIMIT: usize = 40;
/// Characters of a script.
const LENGTH_LIMIT: usize = 64 << 10;

/// Words that end the commands of a compound one.
const RESERVED: [&str; 9] = ["then", "elif", "else", "fi", "do", "done", "esac", "}", "]]"];

/// Why a script cannot be understood.
pub(in crate::cis) type Syntax = String;

pub(super) struct Parser {
    pub(super) text: Vec<char>,
    pub(super) at: usize,
    pub(super) depth: usize,
}

/// Reads a script.
pub(in crate::cis) fn parse(text: &str) -> Result<Script, Syntax> {
    nested(text, 0)
}

/// Reads a script that stands within another one.
pub(super) fn nested(text: &str, depth: usize) -> Result<Script, Syntax> {
    if text.len() > LENGTH_LIMIT {
        return Err(format!("it is longer than {LENGTH_LIMIT} bytes"));
    }
    let mut parser = Parser { text: text.chars().collect(), at: 0, depth };
    let script = parser.script()?;
    match parser.peek() {
        None => Ok(script),
        Some(letter) => Err(parser.unexpected(letter)),
    }
}

impl Parser {
    pub(super) fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    pub(super) fn ahead(&self, by: usize) -> Option<char> {
        self.text.get(self.at + by).copied()
    }

    pub(super) fn looks_at(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(by, letter)| self.ahead(by) == Some(letter))
    }

    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.looks_at(text);
        if found {
            self.at += text.chars().count();
        }
        found
    }

    pub(super) fn unexpected(&self, letter: char) -> Syntax {
        let line = self.text[..self.at].iter().filter(|letter| **letter == '\n').count() + 1;
        format!("unexpected '{letter}' in line {line}")
    }

    pub(super) fn enter(&mut self) -> Result<(), Syntax> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(format!("commands are nested more than {DEPTH_LIMIT} deep"));
        }
        Ok(())
    }

    /// Spaces, escaped line ends, comments.
    fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\r') => self.at += 1,
                Some('\\') if self.ahead(1) == Some('\n') => self.at += 2,
                Some('#') => {
                    while self.peek().is_some_and(|letter| letter != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn separators(&mut self) {
        loop {
            self.blanks();
            match self.peek() {
                Some('\n') => self.at += 1,
                Some(';') if self.ahead(1) != Some(';') => self.at += 1,
                _ => return,
            }
        }
    }

    fn newlines(&mut self) {
        loop {
            self.blanks();
            if self.peek() != Some('\n') {
                return;
            }
            self.at += 1;
        }
    }

    /// Whether the next word is exactly `word`.
    fn at_word(&self, word: &str) -> bool {
        let end = self.ahead(word.chars().count());
        self.looks_at(word) && end.is_none_or(|letter| " \t\r\n;&|<>()".contains(letter))
    }

    fn take_word(&mut self, word: &str) -> bool {
        self.blanks();
        let found = self.at_word(word);
        if found {
            self.at += word.chars().count();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Syntax> {
        if self.take_word(word) { Ok(()) } else { Err(format!("'{word}' is missing")) }
    }

    /// Commands up to a word that ends them, a closing parenthesis, or the end.
    pub(super) fn script(&mut self) -> Result<Script, Syntax> {
        self.enter()?;
        let mut script = Script::default();
        loop {
            self.separators();
            match self.peek() {
                None | Some(')' | ';') => break,
                _ if RESERVED.iter().any(|word| self.at_word(word)) => break,
                _ => {}
            }
            script.0.push(self.and_or()?);
            self.blanks();
            match self.peek() {
                None | Some(';' | '\n' | ')') => {}
                Some('&') => return Err("commands in the background".into()),
                Some(letter) => return Err(self.unexpected(letter)),
            }
        }
        self.depth -= 1;
        Ok(script)
    }

    fn and_or(&mut self) -> Result<AndOr, Syntax> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let connective = if self.take("&&") {
                Connective::And
            } else if self.take("||") {
                Connective::Or
            } else {
                return Ok(AndOr { first, rest });
            };
            self.newlines();
            rest.push((connective, self.pipeline()?));
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline, Syntax> {
        let mut negated = false;
        while self.take_word("!") {
            negated = !negated;
        }
        let mut commands = vec![self.command()?];
        loop {
            self.blanks();
            if self.looks_at("||") || !self.take("|") {
                return Ok(Pipeline { negated, commands });
            }
            if self.peek() == Some('&') {
                return Err("'|&'".into());
            }
            self.newlines();
            commands.push(self.command()?);
        }
    }

    fn command(&mut self) -> Result<Command, Syntax> {
        self.blanks();
        let kind = if self.take("((") {
            return Err("'((' as a command".into());
        } else if self.take("(") {
            let script = self.script()?;
            if !self.take(")") {
                return Err("')' is missing".into());
            }
            Kind::Subshell(script)
        } else if self.take_word("{") {
            let script = self.script()?;
            self.expect_word("}")?;
            Kind::Group(script)
        } else if self.take_word("if") {
            self.if_()?
        } else if self.at_word("while") || self.at_word("until") {
            let until = self.at_word("until");
            self.at += 5;
            let condition = self.script()?;
            Kind::Loop { until, condition, body: self.body()? }
        } else if self.take_word("for") {
            self.for_()?
        } else if self.take_word("case") {
            self.case()?
        } else if self.take_word("[[") {
            self.test()?
        } else {
            return self.simple();
        };
        let mut redirections = Vec::new();
        while let Some(redirection) = self.redirection()? {
            redirections.push(redirection);
        }
        Ok(Command { kind, redirections })
    }

    fn if_(&mut self) -> Result<Kind, Syntax> {
        let mut branches = Vec::new();
        loop {
            let condition = self.script()?;
            self.expect_word("then")?;
            branches.push((condition, self.script()?));
            if !self.take_word("elif") {
                break;
            }
        }
        let otherwise = if self.take_word("else") { Some(self.script()?) } else { None };
        self.expect_word("fi")?;
        Ok(Kind::If { branches, otherwise })
    }

    fn body(&mut self) -> Result<Script, Syntax> {
        self.expect_word("do")?;
        let body = self.script()?;
        self.expect_word("done")?;
        Ok(body)
    }

    fn for_(&mut self) -> Result<Kind, Syntax> {
        self.blanks();
        let name = self.name();
        if !is_name(&name) {
            return Err("'for' without a name".into());
        }
        self.newlines();
        let mut words = Vec::new();
        self.expect_word("in")?;
        loop {
            self.blanks();
            match self.word()? {
                Some(word) => words.push(word),
                None => break,
            }
        }
        self.separators();
        Ok(Kind::For { name, words, body: self.body()? })
    }

    fn case(&mut self) -> Result<Kind, Syntax> {
        self.blanks();
        let word = self.word()?.ok_or("'case' without a word")?;
        self.newlines();
        self.expect_word("in")?;
        let mut arms = Vec::new();
        loop {
            self.newlines();
            if self.take_word("esac") {
                return Ok(Kind::Case { word, arms });
            }
            self.take("(");
            let mut patterns = Vec::new();
            loop {
                self.blanks();
                patterns.push(self.word()?.ok_or("a pattern is missing")?);
                self.blanks();
                if !self.take("|") {
                    break;
                }
            }
            if !self.take(")") {
                return Err("')' is missing".into());
            }
            arms.push((patterns, self.script()?));
            self.separators();
            if !self.take(";;") {
                self.expect_word("esac")?;
                return Ok(Kind::Case { word, arms });
            }
        }
    }

    /// `[[ … ]]`: `&&`, `||`, `<`, `>` and parentheses are words here.
    fn test(&mut self) -> Result<Kind, Syntax> {
        let mut words = Vec::new();
        loop {
            self.newlines();
            if self.take_word("]]") {
                return Ok(Kind::Test(words));
            }
            let operators = ["&&", "||", "(", ")", "<", ">"];
            if let Some(operator) = operators.into_iter().find(|text| self.looks_at(text)) {
                self.at += operator.len();
                words.push(vec![Part::Plain(operator.to_owned())]);
                continue;
            }
            words.push(self.word()?.ok_or("']]' is missing")?);
        }
    }

    fn simple(&mut self) -> Result<Command, Syntax> {
        let (mut assignments, mut words, mut redirections) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            self.blanks();
            if let Some(redirection) = self.redirection()? {
                redirections.push(redirection);
                continue;
            }
            if words.is_empty()
                && let Some(assignment) = self.assignment()?
            {
                assignments.push(assignment);
                continue;
            }
            match self.word()? {
                Some(word) => words.push(word),
                None => break,
            }
        }
        if self.peek() == Some('(') && !words.is_empty() {
            return Err("functions".into());
        }
        if words.is_empty() && assignments.is_empty() && redirections.is_empty() {
            return Err(match self.peek() {
                Some(letter) => self.unexpected(letter),
                None => "a command is missing".into(),
            });
        }
        Ok(Command { kind: Kind::Simple { assignments, words }, redirections })
    }

    fn assignment(&mut self) -> Result<Option<Assignment>, Syntax> {
        let start = self.at;
        let name = self.name();
        let appends = !name.is_empty() && self.looks_at("+=");
        if is_name(&name) && (appends || self.peek() == Some('=')) {
            self.at += if appends { 2 } else { 1 };
            if self.peek() == Some('(') {
                return Err("arrays".into());
            }
            let value = self.word()?.unwrap_or_default();
            return Ok(Some(Assignment { name, appends, value }));
        }
        self.at = start;
        Ok(None)
    }

    pub(super) fn name(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            self.at += 1;
        }
        self.text[start..self.at].iter().collect()
    }

    fn redirection(&mut self) -> Result<Option<Redirection>, Syntax> {
        self.blanks();
        let start = self.at;
        let mut stream = None;
        if let (Some(digit @ '0'..='2'), Some('<' | '>')) = (self.peek(), self.ahead(1)) {
            stream = digit.to_digit(10).and_then(|digit| u8::try_from(digit).ok());
            self.at += 1;
        }
        if self.looks_at("<(") {
            self.at = start;
            return Ok(None);
        }
        if self.looks_at("<<") {
            return Err("here-documents".into());
        }
        let (way, stream) = if self.take("&>") {
            (Way::Write, None)
        } else if self.take(">&") {
            (Way::Copy, Some(stream.unwrap_or(1)))
        } else if self.take(">>") || self.take(">") {
            (Way::Write, Some(stream.unwrap_or(1)))
        } else if self.take("<") {
            (Way::Read, Some(0))
        } else {
            self.at = start;
            return Ok(None);
        };
        self.blanks();
        let target: Word = self.word()?.ok_or("a redirection without a file")?;
        Ok(Some(Redirection { stream, way, target }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_benchmarks_write_is_understood() {
        for text in [
            "/bin/ps -ef | grep kube | grep -v grep",
            "/bin/sh -c 'if test -e /a; then stat -c permissions=%a /a; fi'",
            "D=''\nfor d in $(ps -ef | sed 's%.*d[= ]\\([^ ]*\\).*%\\1%'); do\n  if test -d \"$d\"; then D=\"$d\"; fi\ndone\nif ! test -d \"$D\"; then D=/x; fi\nstat \"$D\"",
            "kubectl get x | while read -r a b\ndo\n  # comment\n  if [[ \"${a}\" != \"b\" && \"${b}\" == c ]]; then x=1\n  elif ( [ 1 = 1 ] ); then y=2; else z=3\n  fi;\n  echo \"**a: ${a}\"\ndone",
            "(a; b) | (grep -q '^F' && cat || echo \"none\")",
            "diff <(a) \\\n  <(b -o 'x')",
            "t=$((a + b))\nif [ \"$t\" -gt 0 ]; then echo x; fi",
            "x=$(a \"$(b 'c')\" 2>/dev/null || true)",
            "echo ${x:-y} ${x%,} `ls`; l+=\"${c},\"",
            "case $x in a|b) c;; *) d ;; esac",
            "",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn what_is_broken_or_not_known_says_so() {
        for (text, why) in [
            ("'/bin/sh -c if", "a quote is not closed"),
            ("if test -e /a; then b", "'fi' is missing"),
            ("f() { echo; }", "functions"),
            ("a &", "background"),
            ("cat <<E\nE", "here-documents"),
            ("a | | b", "unexpected '|'"),
            ("( a", "')' is missing"),
            ("a )", "unexpected ')'"),
            ("echo $(a", "is not closed"),
            (";;", "unexpected ';'"),
            ("fi", "unexpected 'f'"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(parse(&"(".repeat(1000)).is_err());
        assert!(parse(&"$(".repeat(1000)).is_err());
        assert!(parse(&"\"${a:-".repeat(1000)).is_err());
    }
}
