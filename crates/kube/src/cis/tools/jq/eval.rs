use std::rc::Rc;

use serde_json::{Map, Value};

use super::{
    builtins,
    order::{is_true, order, type_name},
    parse::{Expr, TextPart},
};
use crate::cis::shell::{Shell, Stop};

/// Evaluations within evaluations.
const DEPTH_LIMIT: usize = 150;
/// Values within values.
const NESTING_LIMIT: usize = 200;
/// Bytes of a text that is made of others.
const TEXT_LIMIT: usize = 8 << 20;

/// Why an evaluation goes no further.
#[derive(Debug)]
pub(super) enum Halt {
    /// An error of the program, which it may catch.
    Error(Value),
    /// Enough values.
    Break,
    /// The whole script ends.
    Stop(Stop),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

pub(super) type Sink<'s> = &'s mut dyn FnMut(Value) -> Result<(), Halt>;

/// Names that a part of a program sees, the innermost first.
pub(super) type Scope<'p> = Option<Rc<Bound<'p>>>;

pub(super) struct Bound<'p> {
    name: String,
    arity: usize,
    what: What<'p>,
    outer: Scope<'p>,
}

enum What<'p> {
    Value(Value),
    Function {
        parameters: &'p [String],
        body: &'p Expr,
    },
    /// An argument, with the names that its caller sees.
    Closure {
        body: &'p Expr,
        scope: Scope<'p>,
    },
}

pub(super) struct Machine<'a, 'b> {
    pub(super) shell: &'a Shell<'b>,
    depth: usize,
}

/// An error of the program.
pub(super) fn error<T>(why: impl Into<String>) -> Result<T, Halt> {
    Err(Halt::Error(Value::String(why.into())))
}

impl<'a, 'b> Machine<'a, 'b> {
    pub(super) fn new(shell: &'a Shell<'b>) -> Self {
        Self { shell, depth: 0 }
    }

    pub(super) fn run(
        &mut self,
        program: &Expr,
        input: &Value,
        variables: &[(String, Value)],
        sink: Sink<'_>,
    ) -> Result<(), Halt> {
        let mut scope = None;
        for (name, value) in variables {
            scope = bind(&scope, name, 0, What::Value(value.clone()));
        }
        self.eval(program, input, &scope, sink)
    }

    /// All values of an expression.
    pub(super) fn all<'p>(
        &mut self,
        expr: &'p Expr,
        input: &Value,
        scope: &Scope<'p>,
    ) -> Result<Vec<Value>, Halt> {
        let mut values = Vec::new();
        self.eval(expr, input, scope, &mut |value| {
            values.push(value);
            Ok(())
        })?;
        Ok(values)
    }

    pub(super) fn eval<'p>(
        &mut self,
        expr: &'p Expr,
        input: &Value,
        scope: &Scope<'p>,
        sink: Sink<'_>,
    ) -> Result<(), Halt> {
        self.shell.step(1)?;
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            return Err(Halt::Stop(Stop::unknown(format!(
                "a program of jq nests more than {DEPTH_LIMIT} deep"
            ))));
        }
        let result = self.expr(expr, input, scope, sink);
        self.depth -= 1;
        result
    }

    fn expr<'p>(
        &mut self,
        expr: &'p Expr,
        input: &Value,
        scope: &Scope<'p>,
        sink: Sink<'_>,
    ) -> Result<(), Halt> {
        match expr {
            Expr::Identity => sink(self.copy(input)?),
            Expr::Below => self.below(input, sink),
            Expr::Literal(value) => sink(value.clone()),
            Expr::Text { format, parts } => self.text(format.as_deref(), parts, input, scope, sink),
            Expr::Format(name) => sink(Value::String(builtins::format(name, input)?)),
            Expr::Array(None) => sink(Value::Array(Vec::new())),
            Expr::Array(Some(inner)) => {
                let values = self.all(inner, input, scope)?;
                sink(Value::Array(values))
            }
            Expr::Object(entries) => self.object(entries, &Map::new(), input, scope, sink),
            Expr::Negated(inner) => {
                for value in self.all(inner, input, scope)? {
                    sink(builtins::arithmetic(self, "-", &0.into(), &value)?)?;
                }
                Ok(())
            }
            Expr::Pipe(first, then) => {
                for value in self.all(first, input, scope)? {
                    self.eval(then, &value, scope, sink)?;
                }
                Ok(())
            }
            Expr::Comma(first, then) => {
                self.eval(first, input, scope, sink)?;
                self.eval(then, input, scope, sink)
            }
            Expr::Binary(operator, left, right) => {
                self.binary(operator, [left, right], input, scope, sink)
            }
            Expr::Index(of, key) => {
                for of in self.all(of, input, scope)? {
                    for key in self.all(key, input, scope)? {
                        sink(index(&of, &key)?)?;
                    }
                }
                Ok(())
            }
            Expr::Slice(of, from, to) => {
                for of in self.all(of, input, scope)? {
                    let from = self.bound(from.as_deref(), input, scope)?;
                    let to = self.bound(to.as_deref(), input, scope)?;
                    sink(slice(&of, from, to)?)?;
                }
                Ok(())
            }
            Expr::Each(of) => {
                for of in self.all(of, input, scope)? {
                    match of {
                        Value::Array(items) => items.into_iter().try_for_each(&mut *sink)?,
                        Value::Object(map) => {
                            map.into_iter().map(|(_, value)| value).try_for_each(&mut *sink)?;
                        }
                        other => {
                            return error(format!("Cannot iterate over {}", type_name(&other)));
                        }
                    }
                }
                Ok(())
            }
            Expr::Try(tried, caught) => {
                let mut passed = Ok(());
                let result = self.guarded(|machine| {
                    machine.eval(tried, input, scope, &mut |value| {
                        // What fails behind this is not what is tried.
                        passed = sink(value);
                        if passed.is_ok() { Ok(()) } else { Err(Halt::Break) }
                    })
                });
                passed?;
                match (result, caught) {
                    (Err(Halt::Error(why)), Some(caught)) => self.eval(caught, &why, scope, sink),
                    (Err(Halt::Error(_)), None) => Ok(()),
                    (result, _) => result,
                }
            }
            Expr::If(branches, otherwise) => {
                self.branch(branches, otherwise.as_deref(), input, scope, sink)
            }
            Expr::Reduce { source, name, start, update } => {
                let Some(mut state) = self.all(start, input, scope)?.pop() else { return Ok(()) };
                for value in self.all(source, input, scope)? {
                    let inner = bind(scope, name, 0, What::Value(value));
                    state = self.all(update, &state, &inner)?.pop().unwrap_or(Value::Null);
                    // Each round may put the state into one more array.
                    if is_deeper(&state, NESTING_LIMIT) {
                        let why = format!("a value of jq nests more than {NESTING_LIMIT} deep");
                        return Err(Halt::Stop(Stop::Unknown(why)));
                    }
                }
                sink(state)
            }
            Expr::Variable(name) => match find(scope, name, 0) {
                Some(Bound { what: What::Value(value), .. }) => sink(self.copy(value)?),
                _ => Err(Halt::Stop(Stop::unknown(format!("jq with the variable ${name}")))),
            },
            Expr::As { source, name, body } => {
                for value in self.all(source, input, scope)? {
                    let inner = bind(scope, name, 0, What::Value(value));
                    self.eval(body, input, &inner, sink)?;
                }
                Ok(())
            }
            Expr::Define { name, parameters, body, rest } => {
                let inner =
                    bind(scope, name, parameters.len(), What::Function { parameters, body });
                self.eval(rest, input, &inner, sink)
            }
            Expr::Call(name, arguments) => self.call(name, arguments, input, scope, sink),
        }
    }

    /// Undoes the count of depth where an error is caught.
    fn guarded<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let depth = self.depth;
        let result = run(self);
        self.depth = depth;
        result
    }

    /// A copy, counted by what it takes.
    fn copy(&self, value: &Value) -> Result<Value, Halt> {
        self.shell.step(weight(value) / 16)?;
        Ok(value.clone())
    }

    fn below(&mut self, value: &Value, sink: Sink<'_>) -> Result<(), Halt> {
        self.shell.step(1)?;
        sink(self.copy(value)?)?;
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.below(item, sink)),
            Value::Object(map) => map.values().try_for_each(|item| self.below(item, sink)),
            _ => Ok(()),
        }
    }

    fn bound<'p>(
        &mut self,
        expr: Option<&'p Expr>,
        input: &Value,
        scope: &Scope<'p>,
    ) -> Result<Option<i64>, Halt> {
        let Some(expr) = expr else { return Ok(None) };
        match self.all(expr, input, scope)?.first() {
            Some(Value::Number(number)) => Ok(number.as_i64()),
            Some(Value::Null) => Ok(None),
            _ => error("Start and end indices of an array slice must be numbers"),
        }
    }

    fn text<'p>(
        &mut self,
        format: Option<&str>,
        parts: &'p [TextPart],
        input: &Value,
        scope: &Scope<'p>,
        sink: Sink<'_>,
    ) -> Result<(), Halt> {
        let mut texts = vec![String::new()];
        for part in parts {
            match part {
                TextPart::Plain(plain) => texts.iter_mut().for_each(|text| text.push_str(plain)),
                TextPart::Of(expr) => {
                    let mut next = Vec::new();
                    for value in self.all(expr, input, scope)? {
                        let value = match (format, &value) {
                            (Some(format), value) => builtins::format(format, value)?,
                            (None, Value::String(text)) => text.clone(),
                            (None, value) => value.to_string(),
                        };
                        for text in &texts {
                            self.shell.bytes(text.len() + value.len())?;
                            next.push(format!("{text}{value}"));
                        }
                    }
                    texts = next;
                }
            }
        }
        texts.into_iter().map(Value::String).try_for_each(sink)
    }

    fn object<'p>(
        &mut self,
        entries: &'p [(Expr, Expr)],
        made: &Map<String, Value>,
        input: &Value,
        scope: &Scope<'p>,
        sink: Sink<'_>,
    ) -> Result<(), Halt> {
        self.shell.step(1)?;
        let Some(((key, value), rest)) = entries.split_first() else {
            return sink(Value::Object(made.clone()));
        };
        for key in self.all(key, input, scope)? {
            let Value::String(key) = key else {
                return error(format!("Object keys must be strings, not {}", type_name(&key)));
            };
            for value in self.all(value, input, scope)? {
                let mut made = made.clone();
                made.insert(key.clone(), value);
                self.object(rest, &made, input, scope, sink)?;
            }
        }
        Ok(())
    }

    fn branch<'p>(
        &mut self,
        branches: &'p [(Expr, Expr)],
        otherwise: Option<&'p Expr>,
        input: &Value,
        scope: &Scope<'p>,
        sink: Sink<'_>,
    ) -> Result<(), Halt> {
        let Some(((condition, then), rest)) = branches.split_first() else {
            return match otherwise {
                Some(expr) => self.eval(expr, input, scope, sink),
                None => sink(self.copy(input)?),
            };
        };
        for value in self.all(condition, input, scope)? {
            if is_true(&value) {
                self.eval(then, input, scope, sink)?;
            } else {
                self.branch(rest, otherwise, input, scope, sink)?;
            }
        }
        Ok(())
    }

    fn binary<'p>(
        &mut self,
        operator: &str,
        [left, right]: [&'p Expr; 2],
        input: &Value,
        scope: &Scope<'p>,
        sink: Sink<'_>,
    ) -> Result<(), Halt> {
        if operator == "//" {
            let values = self.guarded(|machine| machine.all(left, input, scope));
            let values = match values {
                Ok(values) => values,
                Err(Halt::Error(_)) => Vec::new(),
                Err(halt) => return Err(halt),
            };
            let mut values = values.into_iter().filter(is_true).peekable();
            if values.peek().is_none() {
                return self.eval(right, input, scope, sink);
            }
            return values.try_for_each(sink);
        }
        if operator == "and" || operator == "or" {
            for left in self.all(left, input, scope)? {
                let decided = is_true(&left) == (operator == "or");
                if decided {
                    sink(Value::Bool(operator == "or"))?;
                    continue;
                }
                for right in self.all(right, input, scope)? {
                    sink(Value::Bool(is_true(&right)))?;
                }
            }
            return Ok(());
        }
        for right in self.all(right, input, scope)? {
            for left in self.all(left, input, scope)? {
                self.shell.step(1)?;
                let order = || order(&left, &right);
                sink(match operator {
                    "==" => Value::Bool(order().is_eq()),
                    "!=" => Value::Bool(order().is_ne()),
                    "<" => Value::Bool(order().is_lt()),
                    "<=" => Value::Bool(order().is_le()),
                    ">" => Value::Bool(order().is_gt()),
                    ">=" => Value::Bool(order().is_ge()),
                    _ => builtins::arithmetic(self, operator, &left, &right)?,
                })?;
            }
        }
        Ok(())
    }

    fn call<'p>(
        &mut self,
        name: &str,
        arguments: &'p [Expr],
        input: &Value,
        scope: &Scope<'p>,
        sink: Sink<'_>,
    ) -> Result<(), Halt> {
        let Some(bound) = find_rc(scope, name, arguments.len()) else {
            return builtins::call(self, name, arguments, input, scope, sink);
        };
        match &bound.what {
            What::Closure { body, scope } => self.eval(body, input, scope, sink),
            What::Value(value) => sink(value.clone()),
            What::Function { parameters, body } => {
                let mut inner = Some(Rc::clone(&bound));
                for (parameter, argument) in parameters.iter().zip(arguments) {
                    if let Some(name) = parameter.strip_prefix('$') {
                        let Some(value) = self.all(argument, input, scope)?.into_iter().next()
                        else {
                            return Ok(());
                        };
                        inner = bind(&inner, name, 0, What::Value(value));
                    } else {
                        let scope = scope.clone();
                        let what = What::Closure { body: argument, scope };
                        inner = bind(&inner, parameter, 0, what);
                    }
                }
                self.eval(body, input, &inner, sink)
            }
        }
    }

    /// Refuses a text that would be too long.
    pub(super) fn text_fits(&self, length: usize) -> Result<(), Halt> {
        if length > TEXT_LIMIT {
            let why = format!("a program of jq makes a text of more than {TEXT_LIMIT} bytes");
            return Err(Halt::Stop(Stop::unknown(why)));
        }
        Ok(self.shell.bytes(length)?)
    }
}

fn bind<'p>(outer: &Scope<'p>, name: &str, arity: usize, what: What<'p>) -> Scope<'p> {
    Some(Rc::new(Bound { name: name.to_owned(), arity, what, outer: outer.clone() }))
}

fn find_rc<'p>(scope: &Scope<'p>, name: &str, arity: usize) -> Option<Rc<Bound<'p>>> {
    let mut next = scope.as_ref();
    while let Some(bound) = next {
        let is_value = matches!(bound.what, What::Value(_));
        if bound.name == name && bound.arity == arity && !is_value {
            return Some(Rc::clone(bound));
        }
        next = bound.outer.as_ref();
    }
    None
}

fn find<'s, 'p>(scope: &'s Scope<'p>, name: &str, arity: usize) -> Option<&'s Bound<'p>> {
    let mut next = scope.as_ref();
    while let Some(bound) = next {
        if bound.name == name && bound.arity == arity && matches!(bound.what, What::Value(_)) {
            return Some(bound);
        }
        next = bound.outer.as_ref();
    }
    None
}

fn is_deeper(value: &Value, than: usize) -> bool {
    let Some(less) = than.checked_sub(1) else { return true };
    match value {
        Value::Array(items) => items.iter().any(|item| is_deeper(item, less)),
        Value::Object(map) => map.values().any(|item| is_deeper(item, less)),
        _ => false,
    }
}

/// How much a copy takes: values, and texts by their length.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => 1 + text.len() / 16,
        Value::Array(items) => items.iter().map(weight).fold(1, usize::saturating_add),
        Value::Object(map) => map.values().map(weight).fold(1, usize::saturating_add),
        _ => 1,
    }
}

pub(super) fn index(of: &Value, key: &Value) -> Result<Value, Halt> {
    match (of, key) {
        (Value::Object(map), Value::String(key)) => Ok(map.get(key).cloned().unwrap_or_default()),
        (Value::Array(items), Value::Number(number)) => {
            let at = number.as_i64().unwrap_or(i64::MAX);
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let at = if at < 0 { at.saturating_add(length) } else { at };
            let item = usize::try_from(at).ok().and_then(|at| items.get(at));
            Ok(item.cloned().unwrap_or_default())
        }
        (Value::Null, Value::String(_) | Value::Number(_) | Value::Null) => Ok(Value::Null),
        (of, Value::String(key)) => error(format!("Cannot index {} with \"{key}\"", type_name(of))),
        (of, key) => error(format!("Cannot index {} with {}", type_name(of), type_name(key))),
    }
}

fn slice(of: &Value, from: Option<i64>, to: Option<i64>) -> Result<Value, Halt> {
    let range = |length: usize| {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let place = |at: i64| {
            let at = if at < 0 { at.saturating_add(length) } else { at };
            usize::try_from(at.clamp(0, length)).unwrap_or_default()
        };
        let (from, to) = (place(from.unwrap_or(0)), place(to.unwrap_or(length)));
        from..to.max(from)
    };
    match of {
        Value::Null => Ok(Value::Null),
        Value::Array(items) => Ok(Value::Array(items[range(items.len())].to_vec())),
        Value::String(text) => {
            let letters: Vec<char> = text.chars().collect();
            Ok(Value::String(letters[range(letters.len())].iter().collect()))
        }
        other => error(format!("Cannot index {} with object", type_name(other))),
    }
}
