//! Rules as SARIF's reporting descriptors (section 3.49).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{Rule, Severity};

/// A rule with its texts.
pub(super) fn descriptor(rule: &Rule) -> Value {
    let title = first_not_blank([&rule.title, &rule.id]);
    let mut descriptor = json!({
        "id": rule.id,
        "shortDescription": { "text": title },
        "fullDescription": { "text": first_not_blank([&rule.explain.what, title]) },
        "help": { "text": help(rule) },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": severity_properties(rule.severity),
    });
    descriptor["properties"]["tags"] = json!(tags(rule));
    if let Some(address) =
        rule.references.iter().map(|reference| &reference.id).find(|id| is_uri(id))
    {
        descriptor["helpUri"] = json!(address);
    }
    descriptor
}

fn first_not_blank(texts: [&str; 2]) -> &str {
    texts.into_iter().find(|text| !text.trim().is_empty()).unwrap_or("(no title)")
}

fn help(rule: &Rule) -> String {
    let explain = &rule.explain;
    let references: Vec<String> = rule
        .references
        .iter()
        .map(|reference| format!("{}: {}", reference.system, reference.id))
        .collect();
    let parts = [&*explain.what, &*explain.why, &*explain.fix, &references.join("\n")];
    let help: Vec<&str> = parts.into_iter().filter(|part| !part.trim().is_empty()).collect();
    if help.is_empty() { rule.id.to_string() } else { help.join("\n\n") }
}

fn tags(rule: &Rule) -> BTreeSet<String> {
    let weaknesses = rule
        .references
        .iter()
        .filter(|reference| reference.system == "CWE")
        .map(|reference| format!("external/cwe/{}", reference.id.to_lowercase()));
    ["security", rule.topic.name()].map(str::to_owned).into_iter().chain(weaknesses).collect()
}

pub(super) const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium | Severity::Unknown => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// The severity, and a number in the middle of its CVSS range: code hosting services sort by
/// `security-severity` and know no names. What nobody rated has no number.
pub(super) fn severity_properties(severity: Severity) -> Value {
    let number = match severity {
        Severity::Critical => Some("9.5"),
        Severity::High => Some("8.0"),
        Severity::Medium => Some("5.5"),
        Severity::Low => Some("2.0"),
        Severity::Info => Some("0.0"),
        Severity::Unknown => None,
    };
    let mut properties = json!({ "severity": severity });
    if let Some(number) = number {
        properties["security-severity"] = json!(number);
    }
    properties
}

/// Whether a text is an address that can be followed, in the characters that RFC 3986 allows.
fn is_uri(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=".contains(&byte);
    ["https://", "http://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
        && text.bytes().all(allowed)
        && text.matches('#').count() <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_is_one() {
        assert!(is_uri("https://www.debian.org/security/?a=b#c"));
        for text in ["CVE-2024-1", "javascript:alert(1)", "https://", "https://a b", "http://a#b#c"]
        {
            assert!(!is_uri(text), "{text}");
        }
    }
}
