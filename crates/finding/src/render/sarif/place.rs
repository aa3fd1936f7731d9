//! Where findings are and what to change there: SARIF's locations (section 3.28) and fixes (3.55).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::{Edit, Finding, Fix};

/// A file, and a line of it.
type Place = (String, Option<u32>);

/// One location a file, with the packages found there; the subject where there is no evidence.
pub(super) fn locations(finding: &Finding) -> Vec<Value> {
    let mut files: BTreeMap<Place, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for evidence in finding.evidence.iter().filter(|evidence| !evidence.location.is_empty()) {
        let packages = files.entry((relative_uri(&evidence.location), evidence.line)).or_default();
        // One package may be affected by several ranges; SARIF wants it once.
        packages.extend(evidence.package.iter().map(|package| (&*package.name, &*package.purl)));
    }
    if files.is_empty() {
        return vec![location(&finding.subject)];
    }
    files
        .into_iter()
        .map(|((uri, line), packages)| {
            let mut location = physical_location(&uri, line);
            if !packages.is_empty() {
                location["logicalLocations"] = packages.into_iter().map(logical_location).collect();
            }
            location
        })
        .collect()
}

fn logical_location((name, purl): (&str, &str)) -> Value {
    json!({ "name": name, "fullyQualifiedName": purl, "kind": "package" })
}

/// The location of a path below the target's root.
pub(super) fn location(path: &str) -> Value {
    physical_location(&relative_uri(path), None)
}

/// The first line of a file where none is known: a package has no line, and services that show
/// results ask for one.
fn physical_location(uri: &str, line: Option<u32>) -> Value {
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri },
            "region": { "startLine": line.unwrap_or(1) },
        },
    })
}

/// The edits of a fix; `None` where there is nothing that a program could do.
pub(super) fn fix(fix: &Fix) -> Option<Value> {
    let mut files: BTreeMap<String, Vec<&Edit>> = BTreeMap::new();
    for edit in &fix.edits {
        files.entry(relative_uri(&edit.file)).or_default().push(edit);
    }
    if files.is_empty() {
        return None;
    }
    let changes: Vec<Value> = files
        .into_iter()
        .map(|(uri, edits)| {
            let replacements: Vec<Value> = edits.into_iter().map(replacement).collect();
            json!({
                "artifactLocation": { "uri": uri },
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
