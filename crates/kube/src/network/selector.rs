//! Label selectors, as `metav1.LabelSelector` defines them.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

use super::policy::PolicyError;
use crate::api::{LabelSelector, SelectorRequirement};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// Selects objects by their labels. Empty selects every object.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Selector {
    /// All of them have to hold. Sorted, each once, so that equal selectors are equal values.
    requirements: Vec<Requirement>,
}

/// One condition on the labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// What is asked of its value.
    pub operator: Operator,
}

/// What is asked of the value of a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// It is there, and one of these.
    In(Vec<String>),
    /// It is not there, or none of these.
    NotIn(Vec<String>),
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

impl Requirement {
    fn holds(&self, labels: &Labels) -> bool {
        let value = labels.get(&self.key);
        match &self.operator {
            Operator::In(values) => value.is_some_and(|value| values.contains(value)),
            Operator::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

impl Selector {
    /// Selects what has all of `labels`.
    pub fn of_labels(labels: impl IntoIterator<Item = (String, String)>) -> Self {
        let requirement = |(key, value)| Requirement { key, operator: Operator::In(vec![value]) };
        Self::of(labels.into_iter().map(requirement).collect())
    }

    /// Selects what meets all of `requirements`.
    pub fn of(mut requirements: Vec<Requirement>) -> Self {
        for requirement in &mut requirements {
            if let Operator::In(values) | Operator::NotIn(values) = &mut requirement.operator {
                values.sort();
                values.dedup();
            }
        }
        requirements.sort();
        requirements.dedup();
        Self { requirements }
    }

    /// The selector that a policy has at `field`.
    pub(crate) fn read(written: LabelSelector, field: &str) -> Result<Self, PolicyError> {
        written
            .try_into()
            .map_err(|source| PolicyError::Selector { field: field.to_owned(), source })
    }

    /// Whether every object is selected.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// The conditions, all of which have to hold.
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Whether an object with `labels` is selected.
    pub fn selects(&self, labels: &Labels) -> bool {
        self.requirements.iter().all(|requirement| requirement.holds(labels))
    }
}

impl fmt::Display for Selector {
    /// As `kubectl` writes selectors: `app=web,tier in (a,b),!debug`; `<all>` for the empty one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("<all>");
        }
        for (index, Requirement { key, operator }) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match operator {
                Operator::In(values) if values.len() == 1 => write!(f, "{key}={}", values[0])?,
                Operator::In(values) => write!(f, "{key} in ({})", values.join(","))?,
                Operator::NotIn(values) if values.len() == 1 => write!(f, "{key}!={}", values[0])?,
                Operator::NotIn(values) => write!(f, "{key} notin ({})", values.join(","))?,
                Operator::Exists => write!(f, "{key}")?,
                Operator::DoesNotExist => write!(f, "!{key}")?,
            }
        }
        Ok(())
    }
}

/// `null` is as good as absent, everywhere in the API.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A selector that the API server would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// The operator is none that selectors have.
    #[error("operator '{0}' is not one of In, NotIn, Exists, DoesNotExist")]
    Operator(String),
    /// `In` or `NotIn` without values selects nothing or everything, and is not allowed.
    #[error("'{key}' has operator {operator} and no values")]
    NoValues {
        /// The label.
        key: String,
        /// The operator.
        operator: String,
    },
    /// `Exists` and `DoesNotExist` take no values.
    #[error("'{key}' has operator {operator}, which takes no values")]
    Values {
        /// The label.
        key: String,
        /// The operator.
        operator: String,
    },
    /// A condition on no label.
    #[error("a condition names no label")]
    NoKey,
}

impl TryFrom<LabelSelector> for Selector {
    type Error = SelectorError;

    fn try_from(written: LabelSelector) -> Result<Self, SelectorError> {
        let mut requirements = Self::of_labels(written.match_labels).requirements;
        for expression in written.match_expressions {
            requirements.push(requirement(expression)?);
        }
        Ok(Self::of(requirements))
    }
}

fn requirement(written: SelectorRequirement) -> Result<Requirement, SelectorError> {
    let SelectorRequirement { key, operator, values } = written;
    if key.is_empty() {
        return Err(SelectorError::NoKey);
    }
    let operator = match (&operator[..], values.is_empty()) {
        ("In", false) => Operator::In(values),
        ("NotIn", false) => Operator::NotIn(values),
        ("Exists", true) => Operator::Exists,
        ("DoesNotExist", true) => Operator::DoesNotExist,
        ("In" | "NotIn", true) => return Err(SelectorError::NoValues { key, operator }),
        ("Exists" | "DoesNotExist", false) => return Err(SelectorError::Values { key, operator }),
        _ => return Err(SelectorError::Operator(operator)),
    };
    Ok(Requirement { key, operator })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(json: &str) -> Result<Selector, SelectorError> {
        serde_json::from_str::<LabelSelector>(json).expect(json).try_into()
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
    }

    #[test]
    fn a_selector_selects_what_the_api_says() {
        let expression = |operator: &str, values: &str| {
            format!(
                r#"{{"matchExpressions":[{{"key":"a","operator":"{operator}","values":{values}}}]}}"#
            )
        };
        // Selector, then whether it selects {}, {a: 1}, {a: 2}.
        for (json, wanted) in [
            ("{}".to_owned(), [true, true, true]),
            (r#"{"matchLabels":null,"matchExpressions":null}"#.to_owned(), [true, true, true]),
            (r#"{"matchLabels":{"a":"1"}}"#.to_owned(), [false, true, false]),
            (expression("In", r#"["1"]"#), [false, true, false]),
            (expression("NotIn", r#"["1"]"#), [true, false, true]),
            (expression("Exists", "null"), [false, true, true]),
            (expression("DoesNotExist", "[]"), [true, false, false]),
        ] {
            let selector = selector(&json).expect(&json);
            let objects = [labels(&[]), labels(&[("a", "1")]), labels(&[("a", "2")])];
            assert_eq!(objects.map(|labels| selector.selects(&labels)), wanted, "{json}");
        }
    }

    #[test]
    fn what_the_api_server_refuses_is_refused() {
        for (operator, values, says) in [
            ("In", "[]", "no values"),
            ("NotIn", "[]", "no values"),
            ("Exists", r#"["1"]"#, "takes no values"),
            ("Is", r#"["1"]"#, "operator 'Is'"),
        ] {
            let json = format!(
                r#"{{"matchExpressions":[{{"key":"a","operator":"{operator}","values":{values}}}]}}"#
            );
            let error = selector(&json).expect_err(&json).to_string();
            assert!(error.contains(says), "{error}");
        }
        assert_eq!(
            selector(r#"{"matchExpressions":[{"key":"","operator":"Exists"}]}"#),
            Err(SelectorError::NoKey)
        );
    }

    #[test]
    fn equal_selectors_are_equal_values() {
        let a = selector(
            r#"{"matchExpressions":[{"key":"a","operator":"In","values":["2","1","1"]}]}"#,
        );
        let b =
            selector(r#"{"matchExpressions":[{"key":"a","operator":"In","values":["1","2"]}]}"#);
        assert_eq!(a, b);
        assert_eq!(a.expect("valid").to_string(), "a in (1,2)");
    }
}
