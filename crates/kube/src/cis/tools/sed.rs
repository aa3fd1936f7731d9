//! sed: `s`, `p`, `d`, `q` with addresses.

use regex::Regex;

use super::{Input, Output, Shell, Stop, inputs, lines, option};
use crate::cis::pattern::{Flavour, posix};

#[derive(Debug)]
struct Instruction {
    from: Option<Address>,
    to: Option<Address>,
    negated: bool,
    action: Action,
    /// Whether the lines of a range are being taken.
    within: bool,
}

#[derive(Debug)]
enum Address {
    Line(usize),
    Last,
    Matches(Regex),
}

#[derive(Debug)]
enum Action {
    Substitute { pattern: Regex, with: Vec<Piece>, nth: usize, all: bool, print: bool },
    Print,
    Delete,
    Quit,
}

/// A part of what is put in place of a match.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
}

pub(super) fn run(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut quiet, mut flavour) = (false, Flavour::Basic);
    let (mut scripts, mut operands): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match argument {
            "-n" => quiet = true,
            "-E" | "-r" => flavour = Flavour::Extended,
            "-e" => scripts.push(rest.next().unwrap_or_default()),
            "-ne" => {
                quiet = true;
                scripts.push(rest.next().unwrap_or_default());
            }
            _ if argument.len() > 1 && argument.starts_with('-') => {
                return option("sed", argument);
            }
            operand => operands.push(operand),
        }
    }
    if scripts.is_empty() {
        let Some((script, files)) = operands.split_first() else {
            return Err(Stop::unknown("sed without a script"));
        };
        scripts.push(script);
        operands = files.to_vec();
    }
    let mut instructions = Vec::new();
    for script in scripts {
        let mut reader = Reader { letters: script.chars().collect(), at: 0, flavour };
        reader.instructions(&mut instructions)?;
    }
    let (text, whole) = inputs(shell, "sed", &operands, input, output)?;
    edit(shell, &mut instructions, &text, quiet, output)?;
    Ok(if whole { 0 } else { 2 })
}

fn edit(
    shell: &Shell<'_>,
    instructions: &mut [Instruction],
    text: &str,
    quiet: bool,
    output: &mut Output,
) -> Result<(), Stop> {
    let all: Vec<&str> = lines(text).collect();
    let ended = text.ends_with('\n');
    for (at, line) in all.iter().enumerate() {
        let (mut line, mut deleted, mut quits) = ((*line).to_owned(), false, false);
        let last = at + 1 == all.len();
        let end = if last && !ended { "" } else { "\n" };
        for instruction in &mut *instructions {
            shell.step(1 + line.len() / 256)?;
            if !instruction.applies(&line, at + 1, last) {
                continue;
            }
            match &instruction.action {
                Action::Substitute { pattern, with, nth, all, print } => {
                    if let Some(changed) = substituted(&line, pattern, with, *nth, *all) {
                        line = changed;
                        shell.bytes(line.len())?;
                        if *print {
                            output.out(&format!("{line}{end}"));
                        }
                    }
                }
                Action::Print => output.out(&format!("{line}\n")),
                Action::Delete => deleted = true,
                Action::Quit => quits = true,
            }
            if deleted || quits {
                break;
            }
        }
        if !deleted && !quiet {
            output.out(&format!("{line}{end}"));
        }
        if quits {
            break;
        }
    }
    Ok(())
}

impl Instruction {
    fn applies(&mut self, line: &str, number: usize, last: bool) -> bool {
        let holds = |address: &Address| match address {
            Address::Line(wanted) => *wanted == number,
            Address::Last => last,
            Address::Matches(regex) => regex.is_match(line),
        };
        let applies = match (&self.from, &self.to) {
            (None, _) => true,
            (Some(from), None) => holds(from),
            (Some(_), Some(to)) if self.within => {
                self.within = !holds(to);
                true
            }
            (Some(from), Some(to)) => {
                let begins = holds(from);
                // A range that ends before it begins has one line.
                self.within = begins && !matches!(to, Address::Line(to) if *to <= number) && !last;
                begins
            }
        };
        applies != self.negated
    }
}

fn substituted(
    line: &str,
    pattern: &Regex,
    with: &[Piece],
    nth: usize,
    all: bool,
) -> Option<String> {
    let (mut out, mut end, mut changed) = (String::new(), 0, false);
    for (index, found) in pattern.captures_iter(line).enumerate() {
        if index + 1 < nth || (index + 1 > nth && !all) {
            continue;
        }
        let whole = found.get(0)?;
        out.push_str(&line[end..whole.start()]);
        for piece in with {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(group) => {
                    out.push_str(found.get(*group).map_or("", |group| group.as_str()));
                }
            }
        }
        (end, changed) = (whole.end(), true);
    }
    out.push_str(&line[end..]);
    changed.then_some(out)
}

struct Reader {
    letters: Vec<char>,
    at: usize,
    flavour: Flavour,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn unknown<T>(&self) -> Result<T, Stop> {
        let script: String = self.letters.iter().collect();
        Err(Stop::unknown(format!("sed with '{script}'")))
    }

    fn instructions(&mut self, instructions: &mut Vec<Instruction>) -> Result<(), Stop> {
        loop {
            while self.peek().is_some_and(|letter| letter.is_whitespace() || letter == ';') {
                self.at += 1;
            }
            if self.peek().is_none() {
                return Ok(());
            }
            instructions.push(self.instruction()?);
        }
    }

    fn instruction(&mut self) -> Result<Instruction, Stop> {
        let from = self.address()?;
        let to = if self.peek() == Some(',') {
            self.at += 1;
            Some(self.address()?.map_or_else(|| self.unknown(), Ok)?)
        } else {
            None
        };
        let negated = self.peek() == Some('!');
        self.at += usize::from(negated);
        let letter = self.peek();
        self.at += 1;
        let action = match letter {
            Some('s') => self.substitute()?,
            Some('p') => Action::Print,
            Some('d') => Action::Delete,
            Some('q') => Action::Quit,
            _ => return self.unknown(),
        };
        while self.peek() == Some(' ') {
            self.at += 1;
        }
        match self.peek() {
            None | Some(';' | '\n') => Ok(Instruction { from, to, negated, action, within: false }),
            Some(_) => self.unknown(),
        }
    }

    fn address(&mut self) -> Result<Option<Address>, Stop> {
        match self.peek() {
            Some('$') => {
                self.at += 1;
                Ok(Some(Address::Last))
            }
            Some('/') => {
                self.at += 1;
                let pattern = self.until('/', true)?;
                Ok(Some(Address::Matches(self.pattern(&pattern)?)))
            }
            Some(digit) if digit.is_ascii_digit() => {
                let start = self.at;
                while self.peek().is_some_and(|letter| letter.is_ascii_digit()) {
                    self.at += 1;
                }
                let digits: String = self.letters[start..self.at].iter().collect();
                digits.parse().map(|line| Some(Address::Line(line))).or_else(|_| self.unknown())
            }
            _ => Ok(None),
        }
    }

    fn pattern(&self, text: &str) -> Result<Regex, Stop> {
        posix(text, self.flavour, false).map_err(Stop::Unknown)
    }

    /// Text up to a delimiter that is not escaped; in a pattern, an escaped one is the letter.
    fn until(&mut self, delimiter: char, is_pattern: bool) -> Result<String, Stop> {
        let (mut text, mut in_set) = (String::new(), false);
        while let Some(letter) = self.peek() {
            self.at += 1;
            match (letter, self.peek()) {
                ('\\', Some(next)) if !in_set || !is_pattern => {
                    self.at += 1;
                    if next != delimiter {
                        text.push('\\');
                    }
                    text.push(next);
                }
                _ if letter == delimiter && !in_set => return Ok(text),
                _ => {
                    in_set = is_pattern && (letter == '[' || in_set && letter != ']');
                    text.push(letter);
                }
            }
        }
        self.unknown()
    }

    fn substitute(&mut self) -> Result<Action, Stop> {
        let Some(delimiter) = self.peek().filter(|one| !one.is_alphanumeric() && *one != '\\')
        else {
            return self.unknown();
        };
        self.at += 1;
        let pattern = self.until(delimiter, true)?;
        let with = pieces(&self.until(delimiter, false)?);
        let (mut nth, mut all, mut print, mut fold) = (1, false, false, false);
        loop {
            match self.peek() {
                Some('g') => all = true,
                Some('p') => print = true,
                Some('i' | 'I') => fold = true,
                Some(digit @ '1'..='9') => nth = digit.to_digit(10).unwrap_or(1) as usize,
                _ => break,
            }
            self.at += 1;
        }
        let pattern = posix(&pattern, self.flavour, fold).map_err(Stop::Unknown)?;
        Ok(Action::Substitute { pattern, with, nth, all, print })
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let group = match letter {
            '&' => Some(0),
            '\\' => match letters.next() {
                Some(digit) if digit.is_ascii_digit() => digit.to_digit(10),
                Some('n') => {
                    plain.push('\n');
                    None
                }
                other => {
                    plain.push(other.unwrap_or('\\'));
                    None
                }
            },
            _ => {
                plain.push(letter);
                None
            }
        };
        if let Some(group) = group {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(Piece::Group(group as usize));
        }
    }
    pieces.push(Piece::Text(plain));
    pieces
}
