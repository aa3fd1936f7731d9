//! Where findings are and what to change there: SARIF's locations (section 3.28) and fixes (3.55).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{Edit, Evidence, Finding, Fix};

/// One location a file, with the packages found there; the subject where there is no evidence.
pub(super) fn locations(finding: &Finding) -> Vec<Value> {
    let mut files: BTreeMap<&str, Vec<&Evidence>> = BTreeMap::new();
    for evidence in finding.evidence.iter().filter(|evidence| !evidence.location.is_empty()) {
        files.entry(&evidence.location).or_default().push(evidence);
    }
    if files.is_empty() {
        return vec![location(&finding.subject)];
    }
    files
        .into_iter()
        .map(|(file, evidence)| {
            let packages: Vec<Value> = evidence
                .iter()
                .filter_map(|evidence| evidence.package.as_ref())
                .map(|package| {
                    json!({
                        "name": package.name,
                        "fullyQualifiedName": package.purl,
                        "kind": "package",
                    })
                })
                .collect();
            let mut location = location(file);
            if !packages.is_empty() {
                location["logicalLocations"] = json!(packages);
            }
            location
        })
        .collect()
}

/// The first line of a file: a package has no line, and services that show results ask for one.
pub(super) fn location(path: &str) -> Value {
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": relative_uri(path) },
            "region": { "startLine": 1 },
        },
    })
}

/// The edits of a fix; `None` where there is nothing that a program could do.
pub(super) fn fix(fix: &Fix) -> Option<Value> {
    let mut files: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
    for edit in &fix.edits {
        files.entry(&edit.file).or_default().push(edit);
    }
    if files.is_empty() {
        return None;
    }
    let changes: Vec<Value> = files
        .into_iter()
        .map(|(file, edits)| {
            let replacements: Vec<Value> = edits.into_iter().map(replacement).collect();
            json!({
                "artifactLocation": { "uri": relative_uri(file) },
                "replacements": replacements,
            })
        })
        .collect();
    Some(json!({ "description": { "text": fix.summary }, "artifactChanges": changes }))
}

fn replacement(edit: &Edit) -> Value {
    let length = edit.end.saturating_sub(edit.start);
    let mut replacement = Map::new();
    let region = json!({ "byteOffset": edit.start, "byteLength": length });
    replacement.insert("deletedRegion".to_owned(), region);
    if !edit.replacement.is_empty() {
        let content = json!({ "text": edit.replacement });
        replacement.insert("insertedContent".to_owned(), content);
    }
    Value::Object(replacement)
}

/// A path below the target's root as a relative URI reference (RFC 3986, section 4.2): every byte
/// that is not unreserved is percent-encoded, and nothing leads out of the root.
fn relative_uri(path: &str) -> String {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "." | ".."))
        .map(encode_segment)
        .collect();
    if segments.is_empty() { "%2F".to_owned() } else { segments.join("/") }
}

fn encode_segment(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'@' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_becomes_a_relative_reference() {
        for (path, expected) in [
            ("var/lib/dpkg/status", "var/lib/dpkg/status"),
            ("/etc/passwd", "etc/passwd"),
            ("../../etc/./passwd", "etc/passwd"),
            ("http://evil/x", "http%3A/evil/x"),
            ("a b?c#d%e", "a%20b%3Fc%23d%25e"),
            ("é", "%C3%A9"),
            ("", "%2F"),
            ("/", "%2F"),
        ] {
            assert_eq!(relative_uri(path), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_leaves_the_root(path in any::<String>()) {
            let uri = relative_uri(&path);
            prop_assert!(!uri.starts_with('/') && !uri.contains(':'));
            prop_assert!(uri.split('/').all(|segment| segment != ".." && !segment.is_empty()));
        }
    }
}
