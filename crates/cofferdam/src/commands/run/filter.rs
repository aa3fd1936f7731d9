//! System-call filters from files, in the form of the runtime specification or in Docker's.

use std::{io::Read as _, path::Path};

use cofferdam_oci::runtime::Seccomp;
use serde_json::Value;

use crate::error::{CliError, OrFail as _};

/// The largest filter that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;
/// Keys of a filter, beyond which there is nothing to understand.
const KEYS: [&str; 9] = [
    "$schema",
    "comment",
    "defaultAction",
    "defaultErrnoRet",
    "defaultErrno",
    "architectures",
    "archMap",
    "flags",
    "syscalls",
];
/// Keys of one of its rules.
const RULE_KEYS: [&str; 9] =
    ["names", "name", "action", "args", "errnoRet", "errno", "comment", "includes", "excludes"];

/// Reads a filter for a container that has these capabilities.
pub(super) fn read(path: &Path, capabilities: &[String]) -> Result<Seccomp, CliError> {
    let attempt = || format!("could not use the system-call filter '{}'", path.display());
    let mut json = Vec::new();
    let file = std::fs::File::open(path).or_fail(attempt)?;
    file.take(LARGEST + 1).read_to_end(&mut json).or_fail(attempt)?;
    let around = Around {
        capabilities,
        architecture: architecture(),
        kernel: kernel(&rustix::system::uname().release().to_string_lossy()),
    };
    if json.len() as u64 > LARGEST {
        return Err(CliError::new(attempt()).because(["it is larger than 1 MiB".into()]));
    }
    parse(&json, &around).map_err(|why| CliError::new(attempt()).because([why]))
}

/// What rules of Docker's form depend on.
struct Around<'a> {
    capabilities: &'a [String],
    architecture: &'static str,
    kernel: (u32, u32),
}

const fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

/// `6.1` of `6.1.0-18-amd64`.
fn kernel(release: &str) -> (u32, u32) {
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().ok());
    (parts.next().flatten().unwrap_or(0), parts.next().flatten().unwrap_or(0))
}

fn parse(json: &[u8], around: &Around<'_>) -> Result<Seccomp, String> {
    let mut filter: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let object = filter.as_object_mut().ok_or("it is no JSON object")?;
    known(object, &KEYS, "")?;
    // Rules hold for the machine's own architecture; calls by another one are refused.
    object.remove("archMap");
    let mut rules = Vec::new();
    for (index, rule) in array(object.get("syscalls"), "syscalls")?.iter().enumerate() {
        let field = format!("syscalls/{index}");
        let mut rule = rule.as_object().cloned().ok_or_else(|| format!("{field} is no object"))?;
        known(&rule, &RULE_KEYS, &field)?;
        let applies = |key| match rule.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(condition) => meets(condition, around, &format!("{field}/{key}")).map(Some),
        };
        let (included, excluded) = (applies("includes")?, applies("excludes")?);
        let has_none = |met: Option<Met>| met.is_none_or(|met| met == Met::Empty);
        let wanted = (has_none(included) || included == Some(Met::All))
            && (has_none(excluded) || excluded == Some(Met::None));
        if !wanted {
            continue;
        }
        for key in ["includes", "excludes", "comment", "errno"] {
            rule.remove(key);
        }
        if let Some(name) = rule.remove("name").filter(|name| name.as_str() != Some("")) {
            let mut names = array(rule.get("names"), &field)?;
            names.push(name);
            rule.insert("names".into(), names.into());
        }
        rules.push(Value::from(rule));
    }
    object.insert("syscalls".into(), rules.into());
    for key in ["$schema", "comment", "defaultErrno"] {
        object.remove(key);
    }
    serde_json::from_value(filter).map_err(|error| error.to_string())
}

/// An array, which may be left out.
fn array(value: Option<&Value>, field: &str) -> Result<Vec<Value>, String> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(values)) => Ok(values.clone()),
        Some(_) => Err(format!("{field} is no array")),
    }
}

/// A key that is passed over could be a condition, without which more is allowed.
fn known(
    object: &serde_json::Map<String, Value>,
    keys: &[&str],
    field: &str,
) -> Result<(), String> {
    match object.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => Err(format!(
            "key '{key}' is not known{}",
            if field.is_empty() { String::new() } else { format!(" in {field}") }
        )),
        None => Ok(()),
    }
}

/// How many of a rule's conditions are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    /// There are none.
    Empty,
    None,
    Some,
    All,
}

fn meets(condition: &Value, around: &Around<'_>, field: &str) -> Result<Met, String> {
    let object = condition.as_object().ok_or_else(|| format!("{field} is no object"))?;
    known(object, &["caps", "arches", "minKernel"], field)?;
    let texts = |key: &str| -> Result<Vec<String>, String> {
        let wrong = || format!("{field}/{key} holds something else than text");
        let values = array(object.get(key), &format!("{field}/{key}"))?;
        values.into_iter().map(|v| v.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
    };
    let mut met = Vec::new();
    for capability in texts("caps")? {
        met.push(around.capabilities.contains(&capability));
    }
    let arches = texts("arches")?;
    if !arches.is_empty() {
        met.push(arches.iter().any(|name| name == around.architecture));
    }
    match object.get("minKernel") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) if text.is_empty() => {}
        Some(Value::String(text)) => met.push(around.kernel >= kernel(text)),
        Some(_) => return Err(format!("{field}/minKernel is no text")),
    }
    Ok(match (met.is_empty(), met.iter().all(|m| *m), met.iter().any(|m| *m)) {
        (true, ..) => Met::Empty,
        (_, true, _) => Met::All,
        (_, _, true) => Met::Some,
        _ => Met::None,
    })
}

#[cfg(test)]
mod tests {
    use cofferdam_oci::runtime::Action;

    use super::*;

    fn names(json: &Value, capabilities: &[&str]) -> Result<Vec<String>, String> {
        let capabilities: Vec<String> = capabilities.iter().map(ToString::to_string).collect();
        let around = Around { capabilities: &capabilities, architecture: "amd64", kernel: (5, 10) };
        let filter = parse(json.to_string().as_bytes(), &around)?;
        assert_eq!(filter.default_action, Action::Errno);
        Ok(filter.syscalls.into_iter().flat_map(|rule| rule.names).collect())
    }

    fn with(rule: Value) -> Value {
        let mut rule = rule;
        rule["action"] = "SCMP_ACT_ALLOW".into();
        serde_json::json!({
            "defaultAction": "SCMP_ACT_ERRNO", "archMap": [{"architecture": "SCMP_ARCH_X86_64"}],
            "syscalls": [rule]
        })
    }

    #[test]
    fn conditions_of_dockers_form_decide() {
        for (rule, capabilities, there) in [
            (serde_json::json!({"names": ["a"]}), &[][..], true),
            (serde_json::json!({"name": "a", "includes": {}, "excludes": {}}), &[], true),
            (serde_json::json!({"names": ["a"], "includes": {"caps": ["CAP_X"]}}), &[], false),
            (
                serde_json::json!({"names": ["a"], "includes": {"caps": ["CAP_X"]}}),
                &["CAP_X"],
                true,
            ),
            (
                serde_json::json!({"names": ["a"], "includes": {"caps": ["CAP_X", "CAP_Y"]}}),
                &["CAP_X"],
                false,
            ),
            (serde_json::json!({"names": ["a"], "excludes": {"caps": ["CAP_X"]}}), &[], true),
            (
                serde_json::json!({"names": ["a"], "excludes": {"caps": ["CAP_X", "CAP_Y"]}}),
                &["CAP_X"],
                false,
            ),
            (
                serde_json::json!({"names": ["a"], "includes": {"arches": ["arm", "amd64"]}}),
                &[],
                true,
            ),
            (serde_json::json!({"names": ["a"], "includes": {"arches": ["s390x"]}}), &[], false),
            (serde_json::json!({"names": ["a"], "includes": {"minKernel": "4.8"}}), &[], true),
            (serde_json::json!({"names": ["a"], "includes": {"minKernel": "5.11"}}), &[], false),
        ] {
            let found = names(&with(rule.clone()), capabilities).unwrap();
            assert_eq!(found == ["a"], there, "{rule} {capabilities:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for rule in [
            serde_json::json!({"names": ["a"], "unless": {}}),
            serde_json::json!({"names": ["a"], "includes": {"kernel": "5"}}),
            serde_json::json!({"names": ["a"], "includes": {"caps": [1]}}),
            serde_json::json!({"names": ["a"], "includes": []}),
            serde_json::json!({"names": "a"}),
        ] {
            assert!(names(&with(rule.clone()), &[]).is_err(), "{rule}");
        }
        for text in ["", "[]", "{}", "{\"defaultAction\":\"SCMP_ACT_MAYBE\"}", "null"] {
            let around = Around { capabilities: &[], architecture: "amd64", kernel: (5, 10) };
            assert!(parse(text.as_bytes(), &around).is_err(), "{text}");
        }
        assert_eq!(kernel("6.1.0-18-amd64"), (6, 1));
        assert_eq!(kernel("x"), (0, 0));
    }
}
