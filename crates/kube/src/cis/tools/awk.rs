//! awk: fields printed where a condition holds. No variables, no loops.

use super::{
    Input, Output, Shell, Stop, inputs, lines, option, print::formatted, print::unescaped,
};
use crate::cis::pattern::{Flavour, posix};

#[derive(Debug)]
struct Rule {
    when: When,
    actions: Vec<Action>,
}

#[derive(Debug)]
enum When {
    Begin,
    End,
    Always,
    Holds(Vec<Comparison>),
}

/// One comparison; several hold together.
#[derive(Debug)]
struct Comparison {
    left: Value,
    operator: String,
    right: Value,
}

#[derive(Debug)]
enum Action {
    Print(Vec<Vec<Value>>),
    Format(String, Vec<Vec<Value>>),
}

#[derive(Debug, Clone)]
enum Value {
    Text(String),
    Pattern(String),
    Field(usize),
    LastField,
    Lines,
    Fields,
}

/// Where a program is in its input.
struct Place<'a> {
    line: &'a str,
    fields: Vec<&'a str>,
    number: usize,
}

pub(super) fn run(
    shell: &mut Shell<'_>,
    arguments: &[String],
    input: &mut Input,
    output: &mut Output,
) -> Result<i32, Stop> {
    let (mut separator, mut operands) = (None, Vec::new());
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        match argument {
            "-F" => separator = rest.next().map(unescaped),
            _ if argument.starts_with("-F") => separator = Some(unescaped(&argument[2..])),
            _ if argument.len() > 1 && argument.starts_with('-') => {
                return option("awk", argument);
            }
            operand => operands.push(operand),
        }
    }
    let Some((program, files)) = operands.split_first() else {
        return Err(Stop::unknown("awk without a program"));
    };
    let rules = Reader { letters: program.chars().collect(), at: 0 }.rules()?;
    let separator = match separator.as_deref() {
        None | Some(" ") => None,
        Some(text) if text.chars().count() == 1 && text != "|" => {
            Some(posix(text, Flavour::Fixed, false).map_err(Stop::Unknown)?)
        }
        Some(text) => Some(posix(text, Flavour::Extended, false).map_err(Stop::Unknown)?),
    };
    let (text, whole) = inputs(shell, "awk", files, input, output)?;
    let nowhere = Place { line: "", fields: Vec::new(), number: 0 };
    perform(shell, &rules, &nowhere, Some(true), output)?;
    let mut number = 0;
    for line in lines(&text) {
        number += 1;
        shell.step(1 + line.len() / 64)?;
        let fields = match &separator {
            None => line.split_whitespace().collect(),
            Some(_) if line.is_empty() => Vec::new(),
            Some(separator) => separator.split(line).collect(),
        };
        perform(shell, &rules, &Place { line, fields, number }, None, output)?;
    }
    perform(shell, &rules, &Place { number, ..nowhere }, Some(false), output)?;
    Ok(if whole { 0 } else { 2 })
}

/// Performs the rules for a line, for the beginning (`Some(true)`) or for the end.
fn perform(
    shell: &Shell<'_>,
    rules: &[Rule],
    place: &Place<'_>,
    edge: Option<bool>,
    output: &mut Output,
) -> Result<(), Stop> {
    for rule in rules {
        let applies = match (&rule.when, edge) {
            (When::Begin, edge) => edge == Some(true),
            (When::End, edge) => edge == Some(false),
            (_, Some(_)) => false,
            (When::Always, None) => true,
            (When::Holds(comparisons), None) => holds(comparisons, place)?,
        };
        if !applies {
            continue;
        }
        for action in &rule.actions {
            shell.step(1)?;
            let texts = |values: &[Vec<Value>]| -> Vec<String> {
                values
                    .iter()
                    .map(|parts| parts.iter().map(|one| place.text(one)).collect())
                    .collect()
            };
            let text = match action {
                Action::Print(values) if values.is_empty() => format!("{}\n", place.line),
                Action::Print(values) => format!("{}\n", texts(values).join(" ")),
                Action::Format(format, values) => formatted(format, &texts(values))?.0,
            };
            shell.bytes(text.len())?;
            output.out(&text);
        }
    }
    Ok(())
}

fn holds(comparisons: &[Comparison], place: &Place<'_>) -> Result<bool, Stop> {
    for Comparison { left, operator, right } in comparisons {
        let (left, text) = (place.text(left), place.text(right));
        let holds = match operator.as_str() {
            "~" | "!~" => {
                let pattern = posix(&text, Flavour::Extended, false).map_err(Stop::Unknown)?;
                pattern.is_match(&left) == (operator == "~")
            }
            _ => {
                let order = match (left.parse::<f64>(), text.parse::<f64>()) {
                    (Ok(left), Ok(right)) => left.total_cmp(&right),
                    _ => left.as_str().cmp(text.as_str()),
                };
                match operator.as_str() {
                    "==" => order.is_eq(),
                    "!=" => order.is_ne(),
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    _ => order.is_ge(),
                }
            }
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Place<'_> {
    fn text(&self, value: &Value) -> String {
        match value {
            Value::Text(text) | Value::Pattern(text) => text.clone(),
            Value::Field(0) => self.line.to_owned(),
            Value::Field(field) => self.fields.get(field - 1).map_or("", |text| text).to_owned(),
            Value::LastField => self.fields.last().map_or("", |text| text).to_owned(),
            Value::Lines => self.number.to_string(),
            Value::Fields => self.fields.len().to_string(),
        }
    }
}

struct Reader {
    letters: Vec<char>,
    at: usize,
}

impl Reader {
    fn unknown<T>(&self) -> Result<T, Stop> {
        let program: String = self.letters.iter().take(80).collect();
        Err(Stop::unknown(format!("awk with '{program}'")))
    }

    fn blanks(&mut self) {
        while self.letters.get(self.at).is_some_and(|one| one.is_whitespace()) {
            self.at += 1;
        }
    }

    fn take(&mut self, text: &str) -> bool {
        self.blanks();
        let mut letters = text.chars().enumerate();
        let found = letters.all(|(by, one)| self.letters.get(self.at + by) == Some(&one));
        if found {
            self.at += text.chars().count();
        }
        found
    }

    fn rules(mut self) -> Result<Vec<Rule>, Stop> {
        let mut rules = Vec::new();
        loop {
            while self.take(";") {}
            self.blanks();
            if self.at >= self.letters.len() {
                return Ok(rules);
            }
            let when = if self.take("BEGIN") {
                When::Begin
            } else if self.take("END") {
                When::End
            } else if self.letters.get(self.at) == Some(&'{') {
                When::Always
            } else {
                When::Holds(self.comparisons()?)
            };
            let actions = if self.take("{") {
                self.actions()?
            } else if matches!(when, When::Holds(_)) {
                vec![Action::Print(Vec::new())]
            } else {
                return self.unknown();
            };
            rules.push(Rule { when, actions });
        }
    }

    fn comparisons(&mut self) -> Result<Vec<Comparison>, Stop> {
        let mut comparisons = Vec::new();
        loop {
            let left = self.value()?.map_or_else(|| self.unknown(), Ok)?;
            let operators = ["==", "!=", "<=", ">=", "!~", "~", "<", ">"];
            let operator = operators.into_iter().find(|operator| self.take(operator));
            comparisons.push(match (left, operator) {
                (right @ Value::Pattern(_), None) => {
                    Comparison { left: Value::Field(0), operator: "~".into(), right }
                }
                (left, Some(operator)) => {
                    let right = self.value()?.map_or_else(|| self.unknown(), Ok)?;
                    Comparison { left, operator: operator.into(), right }
                }
                _ => return self.unknown(),
            });
            if !self.take("&&") {
                return Ok(comparisons);
            }
        }
    }

    fn actions(&mut self) -> Result<Vec<Action>, Stop> {
        let mut actions = Vec::new();
        loop {
            while self.take(";") {}
            if self.take("}") {
                return Ok(actions);
            }
            if self.take("printf") {
                let mut values = self.values()?;
                if values.is_empty() {
                    return self.unknown();
                }
                match values.remove(0).as_slice() {
                    [Value::Text(format)] => actions.push(Action::Format(format.clone(), values)),
                    _ => return self.unknown(),
                }
            } else if self.take("print") {
                actions.push(Action::Print(self.values()?));
            } else {
                return self.unknown();
            }
        }
    }

    /// Values with commas between them, each of parts that are put together.
    fn values(&mut self) -> Result<Vec<Vec<Value>>, Stop> {
        let mut values = Vec::new();
        loop {
            let mut parts = Vec::new();
            while let Some(value) = self.value()? {
                parts.push(value);
            }
            if !parts.is_empty() {
                values.push(parts);
            } else if !values.is_empty() {
                return self.unknown();
            }
            if !self.take(",") {
                return Ok(values);
            }
        }
    }

    fn value(&mut self) -> Result<Option<Value>, Stop> {
        // The end of a line ends a statement.
        while matches!(self.letters.get(self.at), Some(' ' | '\t')) {
            self.at += 1;
        }
        let Some(first) = self.letters.get(self.at).copied() else { return Ok(None) };
        match first {
            '"' | '/' => {
                self.at += 1;
                let text = self.until(first)?;
                Ok(Some(if first == '/' {
                    Value::Pattern(text)
                } else {
                    Value::Text(unescaped(&text))
                }))
            }
            '$' => {
                self.at += 1;
                if self.take("NF") {
                    return Ok(Some(Value::LastField));
                }
                let digits = self.digits();
                digits.parse().map(|field| Some(Value::Field(field))).or_else(|_| self.unknown())
            }
            '0'..='9' => Ok(Some(Value::Text(self.digits()))),
            'N' if self.take("NR") => Ok(Some(Value::Lines)),
            'N' if self.take("NF") => Ok(Some(Value::Fields)),
            _ => Ok(None),
        }
    }

    fn digits(&mut self) -> String {
        let start = self.at;
        while self.letters.get(self.at).is_some_and(char::is_ascii_digit) {
            self.at += 1;
        }
        self.letters[start..self.at].iter().collect()
    }

    fn until(&mut self, end: char) -> Result<String, Stop> {
        let mut text = String::new();
        while let Some(letter) = self.letters.get(self.at).copied() {
            self.at += 1;
            match (letter, self.letters.get(self.at)) {
                _ if letter == end => return Ok(text),
                ('\\', Some(next)) => {
                    text.extend((*next != '/').then_some('\\'));
                    text.push(*next);
                    self.at += 1;
                }
                _ => text.push(letter),
            }
        }
        self.unknown()
    }
}
