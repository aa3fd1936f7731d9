use regex::RegexBuilder;
use serde_json::{Map, Number, Value};

use super::{
    eval::{Halt, Machine, Scope, Sink, error, index},
    order::{is_true, order, type_name},
    parse::Expr,
};
use crate::cis::shell::Stop;

/// Bytes of a compiled pattern.
const PATTERN_LIMIT: usize = 1 << 20;

pub(super) fn call<'p>(
    machine: &mut Machine<'_, '_>,
    name: &str,
    arguments: &'p [Expr],
    input: &Value,
    scope: &Scope<'p>,
    sink: Sink<'_>,
) -> Result<(), Halt> {
    match (name, arguments) {
        ("empty", []) => Ok(()),
        ("error", []) => Err(Halt::Error(input.clone())),
        ("error", [why]) => {
            let why = machine.all(why, input, scope)?.into_iter().next();
            Err(Halt::Error(why.unwrap_or_default()))
        }
        ("recurse", []) => machine.eval(&Expr::Below, input, &None, sink),
        ("range", [to]) => {
            for to in machine.all(to, input, scope)? {
                (0..whole(&to)?).try_for_each(|number| {
                    machine.shell.step(1)?;
                    sink(number.into())
                })?;
            }
            Ok(())
        }
        ("range", [from, to]) => {
            let (from, to) = (one(machine, from, input, scope)?, one(machine, to, input, scope)?);
            (whole(&from)?..whole(&to)?).try_for_each(|number| {
                machine.shell.step(1)?;
                sink(number.into())
            })
        }
        ("limit", [count, source]) => {
            let mut left = whole(&one(machine, count, input, scope)?)?;
            if left <= 0 {
                return Ok(());
            }
            let mut passed = Ok(());
            let result = machine.eval(source, input, scope, &mut |value| {
                left -= 1;
                passed = sink(value);
                if left > 0 && passed.is_ok() { Ok(()) } else { Err(Halt::Break) }
            });
            passed?;
            match result {
                Err(Halt::Break) if left <= 0 => Ok(()),
                result => result,
            }
        }
        ("first", [source]) => {
            machine.all(source, input, scope)?.into_iter().take(1).try_for_each(sink)
        }
        ("last", [source]) => {
            machine.all(source, input, scope)?.into_iter().next_back().map_or(Ok(()), sink)
        }
        ("isempty", [source]) => {
            let empty = machine.all(source, input, scope)?.is_empty();
            sink(Value::Bool(empty))
        }
        ("select", [condition]) => {
            for value in machine.all(condition, input, scope)? {
                if is_true(&value) {
                    sink(input.clone())?;
                }
            }
            Ok(())
        }
        ("map", [each]) => {
            let mut mapped = Vec::new();
            for item in members(input)? {
                mapped.extend(machine.all(each, item, scope)?);
            }
            sink(Value::Array(mapped))
        }
        ("map_values", [each]) => {
            let value = match input {
                Value::Object(map) => {
                    let mut mapped = Map::new();
                    for (key, value) in map {
                        let made = machine.all(each, value, scope)?.into_iter().next();
                        mapped.extend(made.map(|made| (key.clone(), made)));
                    }
                    Value::Object(mapped)
                }
                _ => {
                    let mut mapped = Vec::new();
                    for item in members(input)? {
                        mapped.extend(machine.all(each, item, scope)?.into_iter().next());
                    }
                    Value::Array(mapped)
                }
            };
            sink(value)
        }
        ("any" | "all", arguments) if arguments.len() <= 2 => {
            let items: Vec<Value> = match arguments {
                [source, _] => machine.all(source, input, scope)?,
                _ => members(input)?.into_iter().cloned().collect(),
            };
            let condition = arguments.last();
            for item in items {
                let values = match condition {
                    Some(condition) => machine.all(condition, &item, scope)?,
                    None => vec![item],
                };
                if values.iter().any(|value| is_true(value) == (name == "any")) {
                    return sink(Value::Bool(name == "any"));
                }
            }
            sink(Value::Bool(name != "any"))
        }
        ("IN", [source]) => {
            let values = machine.all(source, input, scope)?;
            sink(Value::Bool(values.iter().any(|value| order(value, input).is_eq())))
        }
        ("with_entries", [each]) => {
            let mut entries = Vec::new();
            for entry in members(&to_entries(input)?)? {
                entries.extend(machine.all(each, entry, scope)?);
            }
            sink(from_entries(&Value::Array(entries))?)
        }
        ("sort_by" | "group_by" | "unique_by" | "min_by" | "max_by", [key]) => {
            let mut keyed = Vec::new();
            for item in array(input)? {
                keyed.push((Value::Array(machine.all(key, item, scope)?), item.clone()));
            }
            keyed.sort_by(|a, b| order(&a.0, &b.0));
            machine.shell.step(keyed.len())?;
            let groups = keyed.chunk_by(|a, b| order(&a.0, &b.0).is_eq());
            let items = |group: &[(Value, Value)]| {
                Value::Array(group.iter().map(|(_, item)| item.clone()).collect())
            };
            sink(match name {
                "sort_by" => items(&keyed),
                "group_by" => Value::Array(groups.map(items).collect()),
                "unique_by" => Value::Array(groups.map(|group| group[0].1.clone()).collect()),
                "min_by" => keyed.first().map(|one| one.1.clone()).unwrap_or_default(),
                _ => keyed.last().map(|one| one.1.clone()).unwrap_or_default(),
            })
        }
        ("gsub" | "sub", [pattern, with]) => {
            let pattern = one(machine, pattern, input, scope)?;
            let regex = regex(&pattern, "")?;
            let text = string(input, name)?;
            let (mut out, mut end) = (String::new(), 0);
            for found in regex.captures_iter(text) {
                let Some(all) = found.get(0) else { break };
                let named = regex.capture_names().flatten();
                let named = named.map(|name| {
                    let text = found.name(name).map(|found| found.as_str().into());
                    (name.to_owned(), text.unwrap_or_default())
                });
                let groups = Value::Object(named.collect());
                let with = one(machine, with, &groups, scope)?;
                out.push_str(&text[end..all.start()]);
                out.push_str(string(&with, name)?);
                machine.text_fits(out.len())?;
                end = all.end();
                if name == "sub" {
                    break;
                }
            }
            out.push_str(&text[end..]);
            sink(Value::String(out))
        }
        (kind, []) if is_kind(kind, input).is_some() => {
            if is_kind(kind, input) == Some(true) {
                sink(input.clone())
            } else {
                Ok(())
            }
        }
        (_, []) => sink(plain(machine, name, input)?),
        (_, [argument]) => {
            for argument in machine.all(argument, input, scope)? {
                sink(with_argument(machine, name, input, &argument)?)?;
            }
            Ok(())
        }
        ("test", [pattern, flags]) => {
            let pattern = one(machine, pattern, input, scope)?;
            let flags = one(machine, flags, input, scope)?;
            let regex = regex(&pattern, flags.as_str().unwrap_or_default())?;
            sink(Value::Bool(regex.is_match(string(input, name)?)))
        }
        _ => unknown(name, arguments.len()),
    }
}

/// Whether a value is of the types that a filter lets through; none if it is no such filter.
fn is_kind(name: &str, value: &Value) -> Option<bool> {
    Some(match name {
        "nulls" => value.is_null(),
        "values" => !value.is_null(),
        "booleans" => value.is_boolean(),
        "numbers" => value.is_number(),
        "strings" => value.is_string(),
        "arrays" => value.is_array(),
        "objects" => value.is_object(),
        "iterables" => value.is_array() || value.is_object(),
        "scalars" => !value.is_array() && !value.is_object(),
        _ => return None,
    })
}

fn unknown<T>(name: &str, arity: usize) -> Result<T, Halt> {
    Err(Halt::Stop(Stop::unknown(format!("jq with {name}/{arity}, which is not known"))))
}

fn one<'p>(
    machine: &mut Machine<'_, '_>,
    expr: &'p Expr,
    input: &Value,
    scope: &Scope<'p>,
) -> Result<Value, Halt> {
    Ok(machine.all(expr, input, scope)?.into_iter().next().unwrap_or_default())
}

fn whole(value: &Value) -> Result<i64, Halt> {
    match value.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "it is cut off on purpose")]
        Some(number) => Ok(number as i64),
        None => error("Range bounds must be numeric"),
    }
}

fn members(value: &Value) -> Result<Vec<&Value>, Halt> {
    match value {
        Value::Array(items) => Ok(items.iter().collect()),
        Value::Object(map) => Ok(map.values().collect()),
        other => error(format!("Cannot iterate over {}", type_name(other))),
    }
}

fn array(value: &Value) -> Result<&[Value], Halt> {
    match value {
        Value::Array(items) => Ok(items),
        other => error(format!("{} is not an array", type_name(other))),
    }
}

fn string<'v>(value: &'v Value, name: &str) -> Result<&'v str, Halt> {
    match value.as_str() {
        Some(text) => Ok(text),
        None => error(format!("{} cannot be used by {name}", type_name(value))),
    }
}

fn regex(pattern: &Value, flags: &str) -> Result<regex::Regex, Halt> {
    let pattern = string(pattern, "match")?;
    RegexBuilder::new(pattern)
        .case_insensitive(flags.contains('i'))
        .size_limit(PATTERN_LIMIT)
        .build()
        .map_err(|_| Halt::Stop(Stop::unknown(format!("jq with the pattern '{pattern}'"))))
}

/// Built-in filters without arguments.
fn plain(machine: &Machine<'_, '_>, name: &str, input: &Value) -> Result<Value, Halt> {
    machine.shell.step(members(input).map_or(1, |members| members.len()))?;
    Ok(match name {
        "not" => Value::Bool(!is_true(input)),
        "length" => match input {
            Value::Null => 0.into(),
            Value::Bool(_) => return error("boolean has no length"),
            Value::Number(number) => {
                number.as_i64().map_or_else(|| input.clone(), |number| number.abs().into())
            }
            Value::String(text) => text.chars().count().into(),
            Value::Array(items) => items.len().into(),
            Value::Object(map) => map.len().into(),
        },
        "keys" | "keys_unsorted" => match input {
            Value::Object(map) => {
                let mut keys: Vec<&String> = map.keys().collect();
                keys.sort();
                keys.into_iter().cloned().collect()
            }
            Value::Array(items) => (0..items.len()).collect(),
            other => return error(format!("{} has no keys", type_name(other))),
        },
        "type" => type_name(input).into(),
        "tostring" => match input {
            Value::String(_) => input.clone(),
            other => Value::String(other.to_string()),
        },
        "tojson" => Value::String(input.to_string()),
        "fromjson" => match serde_json::from_str(string(input, name)?) {
            Ok(value) => value,
            Err(why) => return error(why.to_string()),
        },
        "tonumber" => match input {
            Value::Number(_) => input.clone(),
            Value::String(text) => match serde_json::from_str::<Number>(text.trim()) {
                Ok(number) => Value::Number(number),
                Err(_) => return error(format!("Cannot parse '{text}' as a number")),
            },
            other => return error(format!("{} cannot be parsed as a number", type_name(other))),
        },
        "ascii_downcase" => Value::String(string(input, name)?.to_ascii_lowercase()),
        "ascii_upcase" => Value::String(string(input, name)?.to_ascii_uppercase()),
        "add" => {
            let mut sum = Value::Null;
            for item in members(input)? {
                sum = arithmetic(machine, "+", &sum, item)?;
            }
            sum
        }
        "first" => index(input, &0.into())?,
        "last" => index(input, &(-1).into())?,
        "reverse" => match input {
            Value::String(text) => Value::String(text.chars().rev().collect()),
            Value::Null => Value::Array(Vec::new()),
            _ => array(input)?.iter().rev().cloned().collect(),
        },
        "sort" | "unique" => {
            let mut items = array(input)?.to_vec();
            items.sort_by(order);
            if name == "unique" {
                items.dedup_by(|a, b| order(a, b).is_eq());
            }
            Value::Array(items)
        }
        "min" => array(input)?.iter().min_by(|a, b| order(a, b)).cloned().unwrap_or_default(),
        "max" => array(input)?.iter().max_by(|a, b| order(a, b)).cloned().unwrap_or_default(),
        "flatten" => {
            let mut items = Vec::new();
            flatten(array(input)?, &mut items);
            Value::Array(items)
        }
        "to_entries" => to_entries(input)?,
        "from_entries" => from_entries(input)?,
        "null" => Value::Null,
        _ => return unknown(name, 0),
    })
}

fn flatten(items: &[Value], out: &mut Vec<Value>) {
    for item in items {
        match item {
            Value::Array(inner) => flatten(inner, out),
            other => out.push(other.clone()),
        }
    }
}

fn to_entries(input: &Value) -> Result<Value, Halt> {
    let Value::Object(map) = input else {
        return error(format!("{} has no keys", type_name(input)));
    };
    let entry = |(key, value): (&String, &Value)| serde_json::json!({"key": key, "value": value});
    Ok(map.iter().map(entry).collect())
}

fn from_entries(input: &Value) -> Result<Value, Halt> {
    let mut map = Map::new();
    for entry in members(input)? {
        let part = |names: &[&str]| {
            names.iter().find_map(|name| entry.get(name)).cloned().unwrap_or_default()
        };
        let key = match part(&["key", "k", "name", "Name", "Key", "K"]) {
            Value::String(key) => key,
            Value::Null => "null".into(),
            other => other.to_string(),
        };
        map.insert(key, part(&["value", "v", "Value", "V"]));
    }
    Ok(Value::Object(map))
}

/// Built-in filters with one argument.
fn with_argument(
    machine: &Machine<'_, '_>,
    name: &str,
    input: &Value,
    argument: &Value,
) -> Result<Value, Halt> {
    machine.shell.step(members(input).map_or(1, |members| members.len()))?;
    Ok(match name {
        "has" => Value::Bool(match (input, argument) {
            (Value::Object(map), Value::String(key)) => map.contains_key(key),
            (Value::Array(items), Value::Number(number)) => {
                number.as_u64().is_some_and(|at| at < items.len() as u64)
            }
            _ => return error(format!("Cannot check whether {} has a key", type_name(input))),
        }),
        "in" => return with_argument(machine, "has", argument, input),
        "contains" => Value::Bool(contains(input, argument)),
        "inside" => Value::Bool(contains(argument, input)),
        "startswith" => Value::Bool(string(input, name)?.starts_with(string(argument, name)?)),
        "endswith" => Value::Bool(string(input, name)?.ends_with(string(argument, name)?)),
        "ltrimstr" | "rtrimstr" => match (input.as_str(), argument.as_str()) {
            (Some(text), Some(end)) => {
                let cut = if name == "ltrimstr" {
                    text.strip_prefix(end)
                } else {
                    text.strip_suffix(end)
                };
                Value::String(cut.unwrap_or(text).to_owned())
            }
            _ => input.clone(),
        },
        "test" => Value::Bool(regex(argument, "")?.is_match(string(input, name)?)),
        "split" => split(string(input, name)?, string(argument, name)?),
        "join" => {
            let mut texts = Vec::new();
            for item in array(input)? {
                texts.push(match item {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    Value::Array(_) | Value::Object(_) => {
                        return error(format!("Cannot join with {}", type_name(item)));
                    }
                    other => other.to_string(),
                });
            }
            let between = string(argument, name)?;
            machine.text_fits(between.len().saturating_mul(texts.len()))?;
            Value::String(texts.join(between))
        }
        "index" => match (input.as_str(), argument.as_str()) {
            (Some(text), Some(part)) => {
                text.find(part).map_or(Value::Null, |at| text[..at].chars().count().into())
            }
            _ => return unknown(name, 1),
        },
        _ => return unknown(name, 1),
    })
}

fn split(text: &str, at: &str) -> Value {
    match (text.is_empty(), at.is_empty()) {
        (true, _) => Value::Array(Vec::new()),
        (_, true) => text.chars().map(|letter| Value::String(letter.into())).collect(),
        _ => text.split(at).map(Value::from).collect(),
    }
}

fn contains(of: &Value, part: &Value) -> bool {
    match (of, part) {
        (Value::String(of), Value::String(part)) => of.contains(part.as_str()),
        (Value::Array(of), Value::Array(part)) => {
            part.iter().all(|part| of.iter().any(|of| contains(of, part)))
        }
        (Value::Object(of), Value::Object(part)) => {
            part.iter().all(|(key, part)| of.get(key).is_some_and(|of| contains(of, part)))
        }
        _ => of == part,
    }
}

/// `+ - * / %` of values of any type.
pub(super) fn arithmetic(
    machine: &Machine<'_, '_>,
    operator: &str,
    left: &Value,
    right: &Value,
) -> Result<Value, Halt> {
    match (operator, left, right) {
        ("+", Value::Null, other) | ("+", other, Value::Null) => Ok(other.clone()),
        ("+", Value::String(left), Value::String(right)) => {
            machine.text_fits(left.len() + right.len())?;
            Ok(Value::String(format!("{left}{right}")))
        }
        ("+", Value::Array(left), Value::Array(right)) => {
            machine.shell.step(left.len() + right.len())?;
            Ok(left.iter().chain(right).cloned().collect())
        }
        ("+", Value::Object(left), Value::Object(right)) => {
            machine.shell.step(left.len() + right.len())?;
            let mut sum = left.clone();
            sum.extend(right.iter().map(|(key, value)| (key.clone(), value.clone())));
            Ok(Value::Object(sum))
        }
        ("-", Value::Array(left), Value::Array(right)) => {
            machine.shell.step(left.len().saturating_mul(right.len()))?;
            let stays = |item: &&Value| !right.iter().any(|other| order(item, other).is_eq());
            Ok(left.iter().filter(stays).cloned().collect())
        }
        ("/", Value::String(left), Value::String(right)) => Ok(split(left, right)),
        ("*", Value::String(text), Value::Number(times)) => {
            let times = times.as_u64().and_then(|times| usize::try_from(times).ok()).unwrap_or(0);
            machine.text_fits(text.len().saturating_mul(times))?;
            Ok(if times == 0 { Value::Null } else { Value::String(text.repeat(times)) })
        }
        (_, Value::Number(left), Value::Number(right)) => numbers(operator, left, right),
        _ => {
            let (left, right) = (type_name(left), type_name(right));
            error(format!("{left} and {right} cannot be combined by '{operator}'"))
        }
    }
}

fn numbers(operator: &str, left: &Number, right: &Number) -> Result<Value, Halt> {
    if let (Some(left), Some(right)) = (left.as_i64(), right.as_i64()) {
        let exact = match operator {
            "+" => left.checked_add(right),
            "-" => left.checked_sub(right),
            "*" => left.checked_mul(right),
            "/" if right != 0 && left.checked_rem(right) == Some(0) => left.checked_div(right),
            "%" if right != 0 => left.checked_rem(right),
            _ => None,
        };
        if let Some(exact) = exact {
            return Ok(exact.into());
        }
    }
    let (left, right) = (left.as_f64().unwrap_or_default(), right.as_f64().unwrap_or_default());
    if right == 0.0 && "/%".contains(operator) {
        return error("number cannot be divided because the divisor is zero");
    }
    let result = match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        _ => left % right,
    };
    Ok(Number::from_f64(result).map_or(Value::Null, Value::Number))
}

/// `@tsv` and the like.
pub(super) fn format(name: &str, input: &Value) -> Result<String, Halt> {
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match name {
        "text" => Ok(plain(input)),
        "json" => Ok(input.to_string()),
        "tsv" | "csv" => {
            let mut cells = Vec::new();
            for item in array(input)? {
                cells.push(match item {
                    Value::Null => String::new(),
                    Value::String(text) if name == "csv" => {
                        format!("\"{}\"", text.replace('"', "\"\""))
                    }
                    Value::String(text) => text
                        .replace('\\', "\\\\")
                        .replace('\t', "\\t")
                        .replace('\n', "\\n")
                        .replace('\r', "\\r"),
                    Value::Array(_) | Value::Object(_) => {
                        return error(format!("{} is not valid in a row", type_name(item)));
                    }
                    other => other.to_string(),
                });
            }
            Ok(cells.join(if name == "tsv" { "\t" } else { "," }))
        }
        _ => Err(Halt::Stop(Stop::unknown(format!("jq with @{name}, which is not known")))),
    }
}
