//! What the output of a check has to be: flags, paths and variables, and how they are compared.
//!
//! Conditions are judged as kube-bench judges them, texts about what was expected included.

use regex::Regex;
use serde_json::Value;

use super::{
    controls::{Item, Tests},
    jsonpath::{Origin, Template},
    yaml,
};

/// Bytes of a compiled pattern.
const PATTERN_LIMIT: usize = 1 << 20;

/// What the commands of a check printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outputs {
    /// Of the audit command.
    pub audit: String,
    /// Of the command that prints the environment; none if that is not known.
    pub env: Option<String>,
    /// Of the command that prints the configuration; none if that is not known.
    pub config: Option<String>,
    /// Whether there is a command that prints the configuration.
    pub has_config: bool,
}

/// Whether the conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Whether they do; none if that turns on an output that is not known.
    pub holds: Option<bool>,
    /// What there was.
    pub actual: String,
    /// What there should have been.
    pub expected: String,
}

/// Where a setting is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Audit,
    Config,
    Env,
}

/// Judges `outputs` by the conditions; each line by itself, if there are `multiple`.
///
/// # Errors
/// If the conditions are combined in a way that is not known.
pub fn evaluate(tests: &Tests, outputs: &Outputs, multiple: bool) -> Result<Judgement, String> {
    let results: Vec<Outcome> =
        tests.items.iter().map(|item| item_of(item, outputs, multiple)).collect();
    let expected = |between: &str| {
        results.iter().map(|result| result.expected.as_str()).collect::<Vec<_>>().join(between)
    };
    let actual = results.first().map(|result| result.actual.clone()).unwrap_or_default();
    let (decides, between) = match tests.operator.as_str() {
        "" | "and" => (false, " AND "),
        "or" => (true, " OR "),
        other => return Err(format!("unknown binary operator for tests {other}")),
    };
    // One condition that fails decides against all, one that holds for any of them.
    let holds = if results.iter().any(|result| !result.unknown && result.holds == decides) {
        Some(decides)
    } else if results.iter().any(|result| result.unknown) {
        None
    } else {
        Some(!decides)
    };
    Ok(Judgement { holds, actual, expected: expected(between) })
}

#[derive(Debug, Clone, Default)]
struct Outcome {
    unknown: bool,
    holds: bool,
    found: bool,
    actual: String,
    expected: String,
}

/// The arguments come first; what is not there may be in the configuration, then the environment.
fn item_of(item: &Item, outputs: &Outputs, multiple: bool) -> Outcome {
    let mut outcome = execute(item, Place::Audit, &outputs.audit, multiple);
    if !outcome.found && outputs.has_config {
        match outputs.config.as_deref() {
            Some("") => {}
            Some(config) => outcome = execute(item, Place::Config, config, multiple),
            None => outcome.unknown = true,
        }
    }
    if !outcome.found && !outcome.unknown && !item.env.is_empty() {
        match outputs.env.as_deref() {
            Some(env) => outcome = execute(item, Place::Env, env, multiple),
            None => outcome.unknown = true,
        }
    }
    outcome
}

fn execute(item: &Item, place: Place, output: &str, multiple: bool) -> Outcome {
    let output = output.trim_end_matches([' ', '\n']);
    let mut outcome = Outcome::default();
    let lines: Vec<&str> = if multiple { output.split('\n').collect() } else { vec![output] };
    for line in lines {
        outcome = one(item, place, line);
        if !outcome.holds {
            break;
        }
    }
    outcome.actual = output.to_owned();
    outcome
}

fn one(item: &Item, place: Place, text: &str) -> Outcome {
    let found = match place {
        Place::Audit => flag(&item.flag, text),
        Place::Config => path(&item.path, text),
        Place::Env => Ok(variable(&item.env, text)),
    };
    // A condition that cannot be looked at does not hold.
    let Ok(found) = found else { return Outcome::default() };
    let name = match place {
        Place::Audit => &item.flag,
        Place::Config => &item.path,
        Place::Env => &item.env,
    };
    let (holds, expected) = match (&found, item.set) {
        (Some(value), true) if !item.operator.is_empty() => {
            compare(&item.operator, value, &item.value, name)
        }
        (found, true) => (found.is_some(), format!("'{name}' is present")),
        (found, false) => (found.is_none(), format!("'{name}' is not present")),
    };
    Outcome { holds, found: found.is_some(), expected, ..Outcome::default() }
}

/// A pattern in the syntax of Go, with a bound on what it may take.
pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(text)
        .size_limit(PATTERN_LIMIT)
        .build()
        .map_err(|_| format!("'{text}' is no pattern that can be used"))
}

/// `--flag=value`, `flag: value`, `--flag value`, `--flag`.
fn flag(flag: &str, text: &str) -> Result<Option<String>, String> {
    if text.is_empty() || flag.is_empty() || !text.contains(flag) {
        return Ok(None);
    }
    let found = pattern(&format!("({flag})(=|: *)*([^\\t\\n\\f\\r ]*) *"))?;
    let found = found.captures(text).ok_or_else(|| format!("invalid flag: {text}"))?;
    let group = |index| found.get(index).map_or("", |group| group.as_str());
    // A flag without a value is switched on; of a name without one, the name is what there is.
    let name = if flag.starts_with("--") { "true" } else { group(1) };
    let value = group(3);
    Ok(Some(if value.is_empty() { name } else { value }.to_owned()))
}

fn path(path: &str, text: &str) -> Result<Option<String>, String> {
    let (value, origin) = match serde_json::from_str::<Value>(text) {
        Ok(value) => (value, Origin::Json),
        Err(_) => (yaml::parse(text)?.value(), Origin::Yaml),
    };
    let value = Template::parse(path)?.print(&value, origin)?;
    Ok((!value.is_empty()).then_some(value))
}

/// The rest of the line behind `NAME=`.
fn variable(name: &str, text: &str) -> Option<String> {
    if name.is_empty() {
        return None;
    }
    let start = text.find(&format!("{name}="))? + name.len() + 1;
    let line = text[start..].split('\n').next().unwrap_or_default();
    (!line.is_empty()).then(|| line.to_owned())
}

/// Whether `actual` stands to `wanted` as the operator says, and what that says about `name`.
pub fn compare(operator: &str, actual: &str, wanted: &str, name: &str) -> (bool, String) {
    match operator {
        "eq" => (equal(actual, wanted), format!("'{name}' is equal to '{wanted}'")),
        "noteq" => (!equal(actual, wanted), format!("'{name}' is not equal to '{wanted}'")),
        "gt" | "gte" | "lt" | "lte" => order(operator, actual, wanted, name),
        "has" => (actual.contains(wanted), format!("'{name}' has '{wanted}'")),
        "nothave" => (!actual.contains(wanted), format!("'{name}' does not have '{wanted}'")),
        "regex" => (
            pattern(wanted).is_ok_and(|pattern| pattern.is_match(actual)),
            format!("'{name}' matched by regex expression '{wanted}'"),
        ),
        "valid_elements" => (
            all_among(&elements(actual), &elements(wanted)),
            format!("'{name}' contains valid elements from '{wanted}'"),
        ),
        "bitmask" => bitmask(actual, wanted, name),
        _ => (false, String::new()),
    }
}

/// Booleans are compared without case.
fn equal(actual: &str, wanted: &str) -> bool {
    let lower = actual.to_lowercase();
    if lower == "true" || lower == "false" { lower == wanted } else { actual == wanted }
}

fn order(operator: &str, actual: &str, wanted: &str, name: &str) -> (bool, String) {
    let (Ok(a), Ok(b)) = (actual.trim().parse::<i64>(), wanted.trim().parse::<i64>()) else {
        let expected = format!("Invalid Number(s) used for comparison: '{actual}' '{wanted}'");
        return (false, expected);
    };
    let (holds, words) = match operator {
        "gt" => (a > b, "greater than"),
        "gte" => (a >= b, "greater or equal to"),
        "lt" => (a < b, "lower than"),
        _ => (a <= b, "lower or equal to"),
    };
    (holds, format!("'{name}' is {words} {wanted}"))
}

/// Octal permissions of which none may be set beyond those wanted.
fn bitmask(actual: &str, wanted: &str, name: &str) -> (bool, String) {
    let no_number = |text| (false, format!("Not numeric value - flag: {text}"));
    let Ok(bits) = i64::from_str_radix(actual, 8) else { return no_number(actual) };
    let Ok(most) = i64::from_str_radix(wanted, 8) else { return no_number(wanted) };
    let expected =
        format!("{name} has permissions {actual}, expected {wanted} or more restrictive");
    (most & bits == bits, expected)
}

fn elements(text: &str) -> Vec<&str> {
    let text = text.trim().trim_end_matches(',');
    if text.is_empty() { Vec::new() } else { text.split(',').map(str::trim).collect() }
}

fn all_among(actual: &[&str], wanted: &[&str]) -> bool {
    actual.is_empty() == wanted.is_empty() && actual.iter().all(|one| wanted.contains(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_flags_are_found_in_every_spelling() {
        for (name, text, value) in [
            ("--flag", "2:.. --flag --alog=1", Some("true")),
            ("--flag", "--alog=1 --flag=val --v", Some("val")),
            ("flag", "1 flag: val 2", Some("val")),
            ("--flag", "--flag=", Some("true")),
            ("flag", "flag", Some("flag")),
            ("--flag", "--other", None),
            ("permissions", "permissions=600 /etc/x", Some("600")),
            ("root:root", "root:root", Some("root:root")),
            ("--flag", "", None),
        ] {
            assert_eq!(flag(name, text).unwrap().as_deref(), value, "{name} in {text}");
        }
        assert!(flag("(", "(").is_err());
    }

    #[test]
    fn values_are_compared_as_the_operator_says() {
        for (operator, actual, wanted, holds) in [
            ("eq", "True", "true", true),
            ("eq", "Yes", "yes", false),
            ("noteq", "FALSE", "false", false),
            ("gte", " 30 ", "30", true),
            ("gt", "a", "1", false),
            ("lt", "1", "2", true),
            ("lte", "3", "2", false),
            ("has", "a,b", "b", true),
            ("nothave", "AlwaysAllow", "AlwaysAllow", false),
            ("regex", "abc", "^a.c$", true),
            ("regex", "abc", "(", false),
            ("valid_elements", "a, b,", "b,a,c", true),
            ("valid_elements", "", "a", false),
            ("valid_elements", "", "", true),
            ("valid_elements", "d", "a", false),
            ("bitmask", "640", "644", true),
            ("bitmask", "777", "644", false),
            ("bitmask", "x", "644", false),
            ("noteqx", "a", "b", false),
        ] {
            assert_eq!(compare(operator, actual, wanted, "f").0, holds, "{actual} {operator}");
        }
    }

    #[test]
    fn arguments_come_before_the_configuration_and_that_before_the_environment() {
        let item = Item {
            flag: "--read-only-port".into(),
            path: "{.readOnlyPort}".into(),
            env: "PORT".into(),
            set: true,
            operator: "eq".into(),
            value: "0".into(),
        };
        let tests = Tests { items: vec![item], operator: String::new() };
        let outputs = |audit: &str, config: &str, env: &str| Outputs {
            audit: audit.into(),
            config: Some(config.into()),
            env: Some(env.into()),
            has_config: true,
        };
        for (given, holds) in [
            (outputs("kubelet --read-only-port=0", "readOnlyPort: 1", "PORT=2"), true),
            (outputs("kubelet", "readOnlyPort: 0", "PORT=2"), true),
            (outputs("kubelet", "{\"readOnlyPort\": 1}", "PORT=0"), false),
            (outputs("kubelet", "a: 1", "X=1\nPORT=0\nY=2"), true),
            (outputs("kubelet", "a: 1", ""), false),
            (outputs("kubelet", "readOnlyPort: [", "PORT=0"), true),
        ] {
            assert_eq!(evaluate(&tests, &given, false).unwrap().holds, Some(holds), "{given:?}");
        }
    }

    #[test]
    fn what_is_not_known_counts_only_where_it_decides() {
        let item = |flag: &str| Item {
            flag: flag.into(),
            path: "{.a}".into(),
            set: true,
            ..Item::default()
        };
        let outputs = Outputs { audit: "x".into(), has_config: true, ..Outputs::default() };
        for (operator, holds) in [("and", None), ("or", Some(true))] {
            let tests = Tests { items: vec![item("x"), item("y")], operator: operator.into() };
            assert_eq!(evaluate(&tests, &outputs, false).unwrap().holds, holds);
        }
        let never = Item { set: false, ..item("x") };
        let tests = Tests { items: vec![never, item("y")], operator: "and".into() };
        assert_eq!(evaluate(&tests, &outputs, false).unwrap().holds, Some(false));
    }

    #[test]
    fn with_multiple_values_each_line_has_to_hold() {
        let item = Item {
            flag: "permissions".into(),
            set: true,
            operator: "bitmask".into(),
            value: "600".into(),
            ..Item::default()
        };
        let tests = Tests { items: vec![item], operator: "or".into() };
        let outputs =
            Outputs { audit: "permissions=600\npermissions=644\n".into(), ..Outputs::default() };
        let first = evaluate(&tests, &outputs, false).unwrap();
        assert_eq!(first.holds, Some(true));
        assert_eq!(first.actual, "permissions=600\npermissions=644");
        let each = evaluate(&tests, &outputs, true).unwrap();
        assert_eq!(each.holds, Some(false));
        assert_eq!(
            each.expected,
            "permissions has permissions 644, expected 600 or more restrictive"
        );
        let tests = Tests { operator: "xor".into(), ..tests };
        assert!(evaluate(&tests, &outputs, true).is_err());
    }
}
