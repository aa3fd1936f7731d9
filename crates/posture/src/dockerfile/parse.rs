use std::ops::Range;

use super::{Dockerfile, Document, Flag, Instruction, Problem, Text};

/// Instructions that are kept; a file with more is none that a person wrote.
const MOST: usize = 20_000;
/// Problems that are told.
const MOST_PROBLEMS: usize = 100;
/// Here-documents of one instruction.
const MOST_DOCUMENTS: usize = 64;

/// Every instruction there is.
const NAMES: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Takes a file apart.
pub fn parse(source: &str) -> Dockerfile {
    let mut parser = Parser {
        source,
        at: 0,
        line: 1,
        escape: '\\',
        file: Dockerfile::default(),
        ignored: Vec::new(),
    };
    parser.directives();
    while parser.at < source.len() && parser.file.instructions.len() < MOST {
        parser.next();
    }
    if parser.at < source.len() {
        parser.problem(parser.line, format!("only the first {MOST} instructions are looked at"));
    }
    parser.file
}

struct Parser<'a> {
    source: &'a str,
    at: usize,
    line: u32,
    escape: char,
    file: Dockerfile,
    /// What comments turn off for the next instruction.
    ignored: Vec<String>,
}

impl<'a> Parser<'a> {
    /// The line that begins here, without its end, and where the next begins.
    fn peek(&self) -> (&'a str, usize) {
        let rest = &self.source[self.at..];
        let end = rest.find('\n').unwrap_or(rest.len());
        let line = &rest[..end];
        (line.strip_suffix('\r').unwrap_or(line), (self.at + end + 1).min(self.source.len()))
    }

    fn advance(&mut self, next: usize) {
        self.at = next;
        self.line = self.line.saturating_add(1);
    }

    fn problem(&mut self, line: u32, why: String) {
        if self.file.problems.len() < MOST_PROBLEMS {
            self.file.problems.push(Problem { line, why });
        }
    }

    /// `# escape=\`` and others, which only count before anything else.
    fn directives(&mut self) {
        if self.source.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        while self.at < self.source.len() {
            let (line, next) = self.peek();
            let Some((key, value)) =
                line.trim_start().strip_prefix('#').and_then(|rest| rest.split_once('='))
            else {
                return;
            };
            match key.trim().to_ascii_lowercase().as_str() {
                "escape" if value.trim() == "`" => self.escape = '`',
                "escape" | "syntax" | "check" => {}
                _ => return,
            }
            self.advance(next);
        }
    }

    fn next(&mut self) {
        let (line, next) = self.peek();
        let trimmed = line.trim();
        if trimmed.is_empty() {
            self.advance(next);
        } else if let Some(comment) = trimmed.strip_prefix('#') {
            self.comment(comment);
            self.advance(next);
        } else {
            self.instruction();
        }
    }

    /// `# cofferdam ignore=a,b`, `# hadolint ignore=a,b`, and the same with `global`.
    fn comment(&mut self, comment: &str) {
        let mut words = comment.split_whitespace();
        if !matches!(words.next(), Some("cofferdam" | "hadolint")) {
            return;
        }
        let rest: String = words.collect::<Vec<_>>().join(" ");
        let (is_global, rest) = match rest.strip_prefix("global ") {
            Some(rest) => (true, rest),
            None => (false, rest.as_str()),
        };
        let Some(rest) = rest.strip_prefix("ignore") else { return };
        let Some(list) = rest.trim_start().strip_prefix('=') else { return };
        let list = list.split(['#', ';']).next().unwrap_or_default();
        let names = list.split(',').map(|name| name.trim().to_owned()).filter(|n| !n.is_empty());
        if is_global {
            self.file.ignored.extend(names);
        } else {
            self.ignored.extend(names);
        }
    }

    fn instruction(&mut self) {
        let (start, line) = (self.at, self.line);
        let text = self.logical_line();
        let name_end = text.text.find(char::is_whitespace).unwrap_or(text.text.len());
        let mut instruction = Instruction {
            name: text.text[..name_end].to_ascii_uppercase(),
            name_at: text.offset(0)..text.offset(name_end.saturating_sub(1)) + 1,
            line,
            ignored: std::mem::take(&mut self.ignored),
            ..Instruction::default()
        };
        let mut rest = skip_blanks(&text, name_end);
        if instruction.name == "ONBUILD" {
            let text = rest.text.clone();
            let end = text.find(char::is_whitespace).unwrap_or(text.len());
            instruction.is_trigger = true;
            instruction.name = text[..end].to_ascii_uppercase();
            instruction.name_at = rest.offset(0)..rest.offset(end.saturating_sub(1)) + 1;
            rest = skip_blanks(&rest, end);
        }
        if !NAMES.contains(&instruction.name.as_str()) {
            let name = text.text[..name_end].to_owned();
            self.problem(line, format!("there is no instruction '{name}'"));
            return;
        }
        take_flags(&mut rest, &mut instruction.flags);
        instruction.json = json(&rest.text);
        instruction.arguments = rest;
        if matches!(instruction.name.as_str(), "RUN" | "COPY" | "ADD") {
            self.documents(&mut instruction);
        }
        if instruction.arguments.text.is_empty() {
            self.problem(line, format!("{} has no arguments", instruction.name));
        }
        instruction.at = start..self.at;
        self.file.instructions.push(instruction);
    }

    /// The instruction on one line: continuations joined, comments and empty lines in it left out.
    fn logical_line(&mut self) -> Text {
        let mut text = Text::default();
        loop {
            let (line, next) = self.peek();
            let trimmed = line.trim();
            let is_first = text.pieces.is_empty();
            if !is_first && (trimmed.starts_with('#') || trimmed.is_empty()) {
                self.advance(next);
                if self.at >= self.source.len() {
                    return text;
                }
                continue;
            }
            let skipped = if is_first { line.len() - line.trim_start().len() } else { 0 };
            let part = line[skipped..].trim_end();
            let continued = part.strip_suffix(self.escape);
            text.push(continued.unwrap_or(part), self.at + skipped);
            self.advance(next);
            if continued.is_none() || self.at >= self.source.len() {
                return text;
            }
        }
    }

    fn documents(&mut self, instruction: &mut Instruction) {
        for (word, strips_tabs) in document_words(&instruction.arguments.text) {
            let start = self.at;
            let mut end = None;
            while self.at < self.source.len() {
                let (line, next) = self.peek();
                let line_start = self.at;
                self.advance(next);
                let line = if strips_tabs { line.trim_start_matches('\t') } else { line };
                if line == word {
                    end = Some(line_start);
                    break;
                }
            }
            let at: Range<usize> = start..end.unwrap_or(self.at);
            if end.is_none() {
                let why = format!("the here-document '{word}' does not end");
                self.problem(instruction.line, why);
            }
            instruction.documents.push(Document { word, at });
        }
    }
}

fn skip_blanks(text: &Text, at: usize) -> Text {
    let rest = &text.text[at..];
    text.from(at + rest.len() - rest.trim_start().len())
}

fn take_flags(rest: &mut Text, flags: &mut Vec<Flag>) {
    while let Some(flag) = rest.text.strip_prefix("--") {
        let end = flag.find(char::is_whitespace).unwrap_or(flag.len());
        let (name, value) = flag[..end].split_once('=').unwrap_or((&flag[..end], ""));
        let value = value.trim_matches(['"', '\'']).to_owned();
        flags.push(Flag { name: name.to_owned(), value });
        *rest = skip_blanks(rest, end + 2);
    }
}

fn json(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten()
}

/// The words of `<<WORD`, `<<-WORD` and `<<"WORD"`, and whether tabs in front of lines go.
fn document_words(text: &str) -> Vec<(String, bool)> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("<<") {
        let after = &rest[at + 2..];
        if after.starts_with('<') {
            rest = after.trim_start_matches('<');
            continue;
        }
        let (strips, after) = match after.strip_prefix('-') {
            Some(after) => (true, after),
            None => (false, after),
        };
        let word = after.trim_start_matches(['"', '\'']);
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = word.find(|c: char| !is_word(c)).unwrap_or(word.len());
        if end > 0
            && !word.starts_with(|c: char| c.is_ascii_digit())
            && words.len() < MOST_DOCUMENTS
        {
            words.push((word[..end].to_owned(), strips));
        }
        rest = &word[end..];
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuations_comments_and_places() {
        let source =
            "# syntax=x\nFROM a AS b\nRUN one \\\n  # comment\n\n  two\\\nthree\nCMD [\"x\"]\n";
        let file = parse(source);
        let names: Vec<&str> = file.instructions.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["FROM", "RUN", "CMD"]);
        let run = &file.instructions[1];
        assert_eq!((run.line, run.arguments.text.as_str()), (3, "one   twothree"));
        let two = run.arguments.text.find("two").unwrap();
        assert_eq!(&source[run.arguments.offset(two)..][..3], "two");
        assert_eq!(&source[run.arguments.offset(two + 3)..][..5], "three");
        assert_eq!(file.instructions[2].json.as_deref(), Some(&["x".to_owned()][..]));
        assert_eq!(&source[run.name_at.clone()], "RUN");
        let stages = file.stages();
        assert_eq!((stages[0].image.as_str(), stages[0].name.as_deref()), ("a", Some("b")));
    }

    #[test]
    fn the_escape_directive() {
        let file = parse("# escape=`\nFROM a\nRUN one `\n two \\\nCMD x\n");
        assert_eq!(file.instructions[1].arguments.text, "one  two \\");
        assert_eq!(file.instructions.len(), 3);
    }

    #[test]
    fn here_documents() {
        let source = "RUN <<EOF\nFROM no\nEOF\nCOPY <<-\"A\" <<B /x/\n\tc\n\tA\nd\nB\nUSER x\n";
        let file = parse(source);
        assert_eq!(file.problems, []);
        let names: Vec<&str> = file.instructions.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["RUN", "COPY", "USER"]);
        assert_eq!(&source[file.instructions[0].documents[0].at.clone()], "FROM no\n");
        assert_eq!(&source[file.instructions[1].documents[1].at.clone()], "d\n");
        assert_eq!(parse("RUN <<EOF\nx\n").problems[0].why, "the here-document 'EOF' does not end");
    }

    #[test]
    fn flags_triggers_and_pairs() {
        let file = parse(
            "ONBUILD COPY --from=a --chown=\"1:1\" b c\nENV A=b C=\"d e\"\nENV F g h\nWHAT x\n",
        );
        let copy = &file.instructions[0];
        assert!(copy.is_trigger && copy.name == "COPY");
        assert_eq!((copy.flag("from"), copy.flag("chown")), (Some("a"), Some("1:1")));
        let pair = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
        assert_eq!(file.instructions[1].pairs(), [pair("A", "b"), pair("C", "d e")]);
        assert_eq!(file.instructions[2].pairs(), [pair("F", "g h")]);
        assert_eq!(
            file.problems,
            [Problem { line: 4, why: "there is no instruction 'WHAT'".into() }]
        );
    }
}
