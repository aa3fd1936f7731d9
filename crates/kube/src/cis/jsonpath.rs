//! The templates of Kubernetes' command line tools: `{range .items[*]}{.metadata.name}{"\n"}{end}`.
//!
//! A key that is missing is nothing, not an error. What comes out is what client-go prints.

mod parse;

use serde_json::Value;

use self::parse::{Filter, Item, Step};
use super::printed::printed;

/// Values that one template may come by: `..` in a large document, in a range, in a filter.
const VISITS_LIMIT: usize = 4_000_000;
/// Bytes of what is printed.
const OUTPUT_LIMIT: usize = 16 << 20;

/// A template.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template(Vec<Item>);

/// What the values were read from: it shows in how numbers and collections are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Every number is a fraction.
    Json,
    /// Whole numbers stay whole; mappings cannot be printed.
    Yaml,
}

impl Template {
    /// Reads a template.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        parse::template(text).map(Self)
    }

    /// What the template prints about `value`.
    pub(super) fn print(&self, value: &Value, origin: Origin) -> Result<String, String> {
        let mut printing = Printing { out: String::new(), visits: 0, origin };
        printing.items(&self.0, value)?;
        Ok(printing.out)
    }
}

struct Printing {
    out: String,
    visits: usize,
    origin: Origin,
}

impl Printing {
    fn items(&mut self, items: &[Item], value: &Value) -> Result<(), String> {
        for item in items {
            match item {
                Item::Text(text) => self.out.push_str(text),
                Item::Action(steps) => {
                    let found = self.follow(steps, value)?;
                    self.print(&found)?;
                }
                Item::Range(steps, inner) => {
                    let found: Vec<Value> =
                        self.follow(steps, value)?.into_iter().map(Found::into_owned).collect();
                    for value in &found {
                        self.visit(1)?;
                        self.items(inner, value)?;
                    }
                }
            }
            if self.out.len() > OUTPUT_LIMIT {
                return Err(format!("it prints more than {OUTPUT_LIMIT} bytes"));
            }
        }
        Ok(())
    }

    fn visit(&mut self, count: usize) -> Result<(), String> {
        self.visits = self.visits.saturating_add(count);
        if self.visits > VISITS_LIMIT {
            return Err(format!("it comes by more than {VISITS_LIMIT} values"));
        }
        Ok(())
    }

    fn print(&mut self, found: &[Found<'_>]) -> Result<(), String> {
        for (index, value) in found.iter().enumerate() {
            if index > 0 {
                self.out.push(' ');
            }
            let value = value.get();
            if self.origin == Origin::Yaml && has_mapping(value) {
                return Err("a mapping cannot be printed".into());
            }
            self.out.push_str(&printed(value, self.origin));
        }
        Ok(())
    }

    fn follow<'a>(&mut self, steps: &[Step], value: &'a Value) -> Result<Vec<Found<'a>>, String> {
        let mut current = vec![Found::Borrowed(value)];
        for step in steps {
            let mut next = Vec::new();
            for value in current {
                self.step(step, value, &mut next)?;
            }
            self.visit(next.len().saturating_add(1))?;
            current = next;
        }
        Ok(current)
    }

    fn step<'a>(
        &mut self,
        step: &Step,
        found: Found<'a>,
        next: &mut Vec<Found<'a>>,
    ) -> Result<(), String> {
        let Found::Borrowed(value) = found else {
            // Only texts are made anew; nothing is below them.
            return Ok(());
        };
        match (step, value) {
            (Step::Constant(constant), _) => next.push(Found::Made(constant.clone())),
            (_, Value::Null) => {}
            (Step::Field(name), Value::Object(map)) => {
                next.extend(map.get(name).map(Found::Borrowed));
            }
            (Step::Field(_), _) => {}
            (Step::Every, Value::Array(items)) => next.extend(items.iter().map(Found::Borrowed)),
            (Step::Every, Value::Object(map)) => next.extend(map.values().map(Found::Borrowed)),
            (Step::Every, _) => {}
            (Step::Below, _) => self.below(value, next)?,
            (Step::Union(parts), _) => {
                for part in parts {
                    self.step(part, Found::Borrowed(value), next)?;
                }
            }
            (Step::Slice { from, to, step }, Value::Array(items)) => {
                slice(items, *from, *to, *step, next)?;
            }
            (Step::Where(filter), Value::Array(items)) => {
                for item in items {
                    self.visit(1)?;
                    if self.holds(filter, item)? {
                        next.push(Found::Borrowed(item));
                    }
                }
            }
            (Step::Slice { .. } | Step::Where(_), _) => {
                return Err("it is not array or slice".into());
            }
        }
        Ok(())
    }

    fn below<'a>(&mut self, value: &'a Value, next: &mut Vec<Found<'a>>) -> Result<(), String> {
        self.visit(1)?;
        next.push(Found::Borrowed(value));
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.below(item, next)),
            Value::Object(map) => map.values().try_for_each(|item| self.below(item, next)),
            _ => Ok(()),
        }
    }

    fn holds(&mut self, filter: &Filter, item: &Value) -> Result<bool, String> {
        let left = self.follow(&filter.left, item)?;
        let Some((operator, right)) = &filter.compared else { return Ok(!left.is_empty()) };
        let [left] = left.as_slice() else {
            return if left.is_empty() { Ok(false) } else { Err("several values".into()) };
        };
        let right = self.follow(right, item)?;
        let [right] = right.as_slice() else { return Ok(false) };
        compare(left.get(), operator, right.get())
    }
}

/// A value of the document, or one that a step made.
#[derive(Debug, Clone)]
enum Found<'a> {
    Borrowed(&'a Value),
    Made(Value),
}

impl Found<'_> {
    fn get(&self) -> &Value {
        match self {
            Self::Borrowed(value) => value,
            Self::Made(value) => value,
        }
    }

    fn into_owned(self) -> Value {
        match self {
            Self::Borrowed(value) => value.clone(),
            Self::Made(value) => value,
        }
    }
}

fn has_mapping(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(items) => items.iter().any(has_mapping),
        _ => false,
    }
}

fn slice<'a>(
    items: &'a [Value],
    from: Option<i64>,
    to: Option<i64>,
    step: Option<i64>,
    next: &mut Vec<Found<'a>>,
) -> Result<(), String> {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let place = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let is_item = from.zip(to).is_some_and(|(from, to)| to == from.saturating_add(1));
    let from = place(from.unwrap_or(0));
    let to = place(to.unwrap_or(length)).min(length);
    if from < 0 || (is_item && from >= length) {
        return Err(format!("array index out of bounds: index {from}, length {length}"));
    }
    let step = usize::try_from(step.unwrap_or(1)).ok().filter(|step| *step > 0);
    let step = step.ok_or("a slice has to go forwards")?;
    let (from, to) = (usize::try_from(from), usize::try_from(to));
    if let (Ok(from), Ok(to)) = (from, to)
        && from < to
    {
        next.extend(items[from..to].iter().step_by(step).map(Found::Borrowed));
    }
    Ok(())
}

fn compare(left: &Value, operator: &str, right: &Value) -> Result<bool, String> {
    let order = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        _ => None,
    };
    let Some(order) = order else { return Ok(operator == "!=" && left != right) };
    Ok(match operator {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        _ => return Err(format!("unrecognized filter operator {operator}")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn print(template: &str, value: &Value) -> Result<String, String> {
        Template::parse(template)?.print(value, Origin::Json)
    }

    #[test]
    fn templates_print_as_kubectl_does() {
        let value = json!({
            "items": [
                {"kind": "Pod", "metadata": {"name": "a", "labels": {"x.y/z": "1"}}, "n": 1},
                {"kind": "Pod", "metadata": {"name": "b"}, "n": 2, "s": {"secretKeyRef": {}}},
            ],
            "tls-suites": ["x", "y", "z"], "big": 1_000_000, "none": null, "yes": true,
        });
        for (template, expected) in [
            ("{.items[0].metadata.name}", "a"),
            ("{.items[*].metadata.name}", "a b"),
            ("{range .items[*]}{.metadata.name}{\"\\n\"}{end}", "a\nb\n"),
            ("{range .items[?(@..secretKeyRef)]} {.kind} {.metadata.name} {end}", " Pod b "),
            ("{range .tls-suites[:]}{}{','}{end}", "x,y,z,"),
            ("{.tls-suites[1:]}", "y z"),
            ("{.tls-suites[-1]}", "z"),
            ("{.items[0].metadata.labels.x\\.y/z}", "1"),
            ("{.items[0].metadata.labels['x.y/z']}", "1"),
            ("{.items[?(@.n==2)].metadata.name}", "b"),
            ("{.items[?(@.metadata.name==\"a\")].n}", "1"),
            ("{.missing.key}", ""),
            ("{$.yes} {@.big}", "true 1e+06"),
            ("{.none}", "<nil>"),
            (".yes", ".yes"),
            ("{.tls-suites}", "[\"x\",\"y\",\"z\"]"),
            ("{..name}", "a b"),
            ("{.items[0]['kind', 'n']}", "Pod 1"),
        ] {
            assert_eq!(print(template, &value).as_deref(), Ok(expected), "{template}");
        }
        assert!(print("{.items[7]}", &value).is_err());
        assert!(print("{.yes", &value).is_err());
        assert!(print("{range .items[*]}", &value).is_err());
        assert!(print("{unknown}", &value).is_err());
    }

    #[test]
    fn a_template_cannot_run_away() {
        let mut value = json!(1);
        for _ in 0..40 {
            value = json!([value, 1]);
        }
        assert!(print("{..*..*..*..*..*..*}", &value).unwrap_err().contains("more than"));
    }
}
