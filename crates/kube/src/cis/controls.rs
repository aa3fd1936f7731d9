//! A file of checks, as kube-bench has them.

use super::yaml::{self, Node};

/// A file of checks: one section of a benchmark.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Controls {
    /// Number of the section.
    pub id: String,
    /// Benchmark.
    pub version: String,
    /// Title.
    pub text: String,
    /// What part of a cluster it is about: `master`, `node`, …
    pub section: String,
    /// Groups of checks.
    pub groups: Vec<Group>,
}

/// Checks on one subject.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// Number.
    pub id: String,
    /// `skip` if none of its checks is to be made.
    pub kind: String,
    /// Title.
    pub text: String,
    /// Its checks.
    pub checks: Vec<Check>,
}

/// One recommendation, and how it is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Check {
    /// Number.
    pub id: String,
    /// Title.
    pub text: String,
    /// Command whose output the flags of the items are looked for in.
    pub audit: String,
    /// Command that prints the environment.
    pub audit_env: String,
    /// Command that prints a configuration file.
    pub audit_config: String,
    /// `manual`, `skip`, or empty.
    pub kind: String,
    /// What the output has to be.
    pub tests: Option<Tests>,
    /// How to put it right.
    pub remediation: String,
    /// Whether not holding is a failure, or only a warning.
    pub scored: bool,
    /// Whether each line of the output is tested.
    pub multiple: bool,
    /// Whether the environment is left out.
    pub no_environment: bool,
}

/// What the output of a check has to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tests {
    /// Single conditions.
    pub items: Vec<Item>,
    /// `and`, `or`, or empty for `and`.
    pub operator: String,
}

/// A condition on one setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    /// Pattern of a flag in the output.
    pub flag: String,
    /// Variable of the environment.
    pub env: String,
    /// Path within the configuration.
    pub path: String,
    /// Whether the setting has to be there, or must not.
    pub set: bool,
    /// How its value is compared; empty if it is not.
    pub operator: String,
    /// What it is compared with.
    pub value: String,
}

impl Controls {
    /// Reads a file of checks whose variables have been replaced.
    ///
    /// # Errors
    /// If it is not YAML, or a value has another type than kube-bench takes there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let root = yaml::parse(text)?;
        if !matches!(root, Node::Map(_)) {
            return Err("it is not a mapping".into());
        }
        Ok(Self {
            id: string(&root, "id")?,
            version: string(&root, "version")?,
            text: string(&root, "text")?,
            section: string(&root, "type")?,
            groups: list(&root, "groups", group)?,
        })
    }

    /// All checks with their groups.
    pub fn checks(&self) -> impl Iterator<Item = (&Group, &Check)> {
        self.groups.iter().flat_map(|group| group.checks.iter().map(move |check| (group, check)))
    }
}

fn group(node: &Node) -> Result<Group, String> {
    Ok(Group {
        id: string(node, "id")?,
        kind: string(node, "type")?,
        text: string(node, "text")?,
        checks: list(node, "checks", check)?,
    })
}

fn check(node: &Node) -> Result<Check, String> {
    let id = string(node, "id")?;
    let within = |why: String| format!("check {id}: {why}");
    let tests = match node.get("tests") {
        Some(tests @ Node::Map(_)) => Some(tests_of(tests).map_err(within)?),
        _ => None,
    };
    Ok(Check {
        text: string(node, "text").map_err(within)?,
        audit: string(node, "audit").map_err(within)?,
        audit_env: string(node, "audit_env").map_err(within)?,
        audit_config: string(node, "audit_config").map_err(within)?,
        kind: string(node, "type").map_err(within)?,
        tests,
        remediation: string(node, "remediation").map_err(within)?,
        scored: boolean(node, "scored", false).map_err(within)?,
        multiple: boolean(node, "use_multiple_values", false).map_err(within)?,
        no_environment: boolean(node, "disableenvtesting", false).map_err(within)?,
        id,
    })
}

fn tests_of(node: &Node) -> Result<Tests, String> {
    Ok(Tests { items: list(node, "test_items", item)?, operator: string(node, "bin_op")? })
}

fn item(node: &Node) -> Result<Item, String> {
    let empty = Node::Map(Vec::new());
    let compare = node.get("compare").unwrap_or(&empty);
    Ok(Item {
        flag: string(node, "flag")?,
        env: string(node, "env")?,
        path: string(node, "path")?,
        set: boolean(node, "set", true)?,
        operator: string(compare, "op")?,
        value: string(compare, "value")?,
    })
}

/// A text, or a scalar as it is written; empty if there is none.
fn string(node: &Node, key: &str) -> Result<String, String> {
    match node.get(key) {
        None => Ok(String::new()),
        Some(value @ Node::Scalar { .. }) => Ok(value.text().unwrap_or_default().to_owned()),
        Some(_) => Err(format!("'{key}' has to be a text")),
    }
}

fn boolean(node: &Node, key: &str, otherwise: bool) -> Result<bool, String> {
    match node.get(key) {
        None => Ok(otherwise),
        Some(value) if value.text().is_none() && matches!(value, Node::Scalar { .. }) => {
            Ok(otherwise)
        }
        Some(value) => value.is_true().ok_or_else(|| format!("'{key}' has to be true or false")),
    }
}

fn list<T>(
    node: &Node,
    key: &str,
    one: impl Fn(&Node) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    match node.get(key) {
        Some(Node::List(items)) => items.iter().map(one).collect(),
        None | Some(Node::Scalar { .. }) => Ok(Vec::new()),
        Some(Node::Map(_)) => Err(format!("'{key}' has to be a list")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_of_any_type_are_texts_where_texts_belong() {
        let text = "
id: 1
version: cis-1.9
type: master
groups:
- id: 1.10
  checks:
  - id: 1.10
    audit: 'x'
    scored: yes
    use_multiple_values: true
    tests:
      bin_op: or
      test_items:
      - flag: a
        set: false
      - path: '{.b}'
        compare: {op: bitmask, value: 0644}
";
        let controls = Controls::parse(text).unwrap();
        let (group, check) = controls.checks().next().unwrap();
        assert_eq!((group.id.as_str(), check.id.as_str()), ("1.10", "1.10"));
        assert!(check.scored && check.multiple);
        let tests = check.tests.as_ref().unwrap();
        assert_eq!(tests.operator, "or");
        assert!(!tests.items[0].set && tests.items[1].set);
        assert_eq!(tests.items[1].value, "0644");
    }

    #[test]
    fn what_has_the_wrong_type_is_named() {
        for (text, why) in [
            ("- 1", "it is not a mapping"),
            ("groups: {a: 1}", "'groups' has to be a list"),
            ("groups: [{checks: [{id: 1, scored: x}]}]", "check 1: 'scored' has to be"),
            ("groups: [{checks: [{id: 2, audit: [x]}]}]", "check 2: 'audit' has to be a text"),
        ] {
            let error = Controls::parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
