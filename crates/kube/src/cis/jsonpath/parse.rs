use serde_json::Value;

/// Actions within ranges within ranges.
const DEPTH_LIMIT: usize = 16;

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    /// Printed as it is.
    Text(String),
    /// The values at a path.
    Action(Vec<Step>),
    /// For each value at a path: a template.
    Range(Vec<Step>, Vec<Item>),
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Field(String),
    Constant(Value),
    Every,
    Below,
    Slice { from: Option<i64>, to: Option<i64>, step: Option<i64> },
    Union(Vec<Step>),
    Where(Filter),
}

/// A condition on an item.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    pub(super) left: Vec<Step>,
    pub(super) compared: Option<(String, Vec<Step>)>,
}

pub(super) fn template(text: &str) -> Result<Vec<Item>, String> {
    let mut rest = text;
    let (items, ended) = items(&mut rest, 0)?;
    if ended { Err("unmatched end".into()) } else { Ok(items) }
}

/// Items up to the end of the text or of the range; says which.
fn items(rest: &mut &str, depth: usize) -> Result<(Vec<Item>, bool), String> {
    if depth > DEPTH_LIMIT {
        return Err(format!("ranges are nested more than {DEPTH_LIMIT} deep"));
    }
    let mut items = Vec::new();
    while let Some(open) = rest.find('{') {
        if open > 0 {
            items.push(Item::Text(rest[..open].to_owned()));
        }
        let inner = &rest[open + 1..];
        let close = closing(inner).ok_or("unclosed action")?;
        let action = inner[..close].trim();
        *rest = &inner[close + 1..];
        if action == "end" {
            return Ok((items, true));
        }
        match action.strip_prefix("range") {
            Some(path) if path.starts_with([' ', '.', '[', '$', '@']) => {
                let path = steps(path.trim())?;
                let (inner, ended) = self::items(rest, depth + 1)?;
                if !ended {
                    return Err("a range has no end".into());
                }
                items.push(Item::Range(path, inner));
            }
            _ => items.push(Item::Action(steps(action)?)),
        }
    }
    if !rest.is_empty() {
        items.push(Item::Text((*rest).to_owned()));
        *rest = "";
    }
    Ok((items, false))
}

/// Where the action ends: a brace outside of quotes.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (index, letter) in text.char_indices() {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (_, '\\') => escaped = true,
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '}') => return Some(index),
            (None, _) => {}
        }
    }
    None
}

fn steps(text: &str) -> Result<Vec<Step>, String> {
    let mut rest = text;
    let mut steps = Vec::new();
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        match first {
            ' ' | '$' | '@' => rest = after,
            '.' if after.starts_with('.') => {
                steps.push(Step::Below);
                // The dot that is left begins a field, unless a bracket follows.
                rest = if after[1..].starts_with('[') { &after[1..] } else { after };
            }
            '.' if after.starts_with('*') => {
                steps.push(Step::Every);
                rest = &after[1..];
            }
            '.' => {
                let (name, left) = field(after);
                if !name.is_empty() {
                    steps.push(Step::Field(name));
                }
                rest = left;
            }
            '*' => {
                steps.push(Step::Every);
                rest = after;
            }
            '[' => {
                let close = bracket(after).ok_or("unterminated array")?;
                steps.push(selection(&after[..close])?);
                rest = &after[close + 1..];
            }
            '"' | '\'' => {
                let (text, left) = quoted(rest).ok_or("unterminated quoted string")?;
                steps.push(Step::Constant(Value::String(text)));
                rest = left;
            }
            _ => return Err(format!("unrecognized character in action: '{first}'")),
        }
    }
    Ok(steps)
}

fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut letters = text.char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '\\' => name.extend(letters.next().map(|(_, letter)| letter)),
            ' ' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}' | '\t' | '\n' => {
                return (name, &text[index..]);
            }
            _ => name.push(letter),
        }
    }
    (name, "")
}

/// Where a bracket that is open closes.
fn bracket(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (index, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(index),
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

/// A quoted text at the beginning, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut letters = text.char_indices();
    let (_, quote) = letters.next()?;
    let mut content = String::new();
    while let Some((index, letter)) = letters.next() {
        match letter {
            _ if letter == quote => return Some((content, &text[index + letter.len_utf8()..])),
            '\\' => content.push(match letters.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            }),
            _ => content.push(letter),
        }
    }
    None
}

/// What stands in brackets.
fn selection(text: &str) -> Result<Step, String> {
    let text = text.trim();
    if text == "*" {
        return Ok(Step::Every);
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        return filter_of(filter).map(Step::Where);
    }
    let parts = parts(text);
    if parts.len() > 1 {
        return parts.into_iter().map(selection).collect::<Result<_, _>>().map(Step::Union);
    }
    if text.starts_with(['\'', '"']) {
        return match quoted(text) {
            Some((name, "")) => Ok(Step::Field(name)),
            _ => Err(format!("invalid array index {text}")),
        };
    }
    let number = |text: &str| -> Result<Option<i64>, String> {
        match text.trim() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| format!("invalid array index {text}")),
        }
    };
    let mut bounds = text.split(':');
    let from = number(bounds.next().unwrap_or_default())?;
    match (bounds.next(), bounds.next(), bounds.next()) {
        (None, ..) => {
            let from = from.ok_or_else(|| format!("invalid array index {text}"))?;
            let to = if from == -1 { None } else { Some(from.saturating_add(1)) };
            Ok(Step::Slice { from: Some(from), to, step: None })
        }
        (Some(to), step, None) => {
            Ok(Step::Slice { from, to: number(to)?, step: number(step.unwrap_or_default())? })
        }
        _ => Err(format!("invalid array index {text}")),
    }
}

/// Cuts at commas outside of quotes and brackets.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (index, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            (None, _) => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn filter_of(text: &str) -> Result<Filter, String> {
    let is_operator = |letter: char| "!<>=".contains(letter);
    let Some(start) = text.find(is_operator).filter(|start| *start > 0) else {
        return Ok(Filter { left: steps(text)?, compared: None });
    };
    let length = text[start..].find(|letter| !is_operator(letter)).unwrap_or(text.len() - start);
    let (operator, right) = text[start..].split_at(length);
    let right = match right.trim() {
        "" => return Err(format!("unrecognized filter {text}")),
        "true" | "false" => vec![Step::Constant(Value::Bool(right.trim() == "true"))],
        number if number.parse::<f64>().is_ok() => {
            vec![Step::Constant(number.parse::<f64>().unwrap_or_default().into())]
        }
        right => steps(right)?,
    };
    Ok(Filter { left: steps(&text[..start])?, compared: Some((operator.to_owned(), right)) })
}
