//! Python: what pip, setuptools, poetry, uv, pdm and pipenv leave behind.

use cofferdam_finding::PackageKind::Pypi;
use serde_json::Value;

use super::{Extract, Found, json, toml};

/// `METADATA` of a `.dist-info`, `PKG-INFO` of an `.egg-info`, or an `.egg-info` that is a file: the
/// core metadata (<https://packaging.python.org/specifications/core-metadata/>), whose head is like
/// that of an e-mail.
pub fn metadata(_: &str, text: &str, extract: &mut Extract) {
    let head = text.split("\n\n").next().unwrap_or_default();
    let field = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    };
    let (Some(name), Some(version)) = (field("Name"), field("Version")) else {
        return extract.problem("head", "it has no Name or no Version");
    };
    let mut found = Found::new(Pypi, &normalised(name), version);
    // A text of licence in full is no name of one.
    let license = field("License-Expression").or_else(|| field("License"));
    found.licenses.extend(license.filter(|l| l.len() < 100 && *l != "UNKNOWN").map(str::to_owned));
    extract.add(found);
}

/// Names that differ in case and in `-`, `_`, `.` are the same
/// (<https://packaging.python.org/specifications/name-normalization/>).
pub fn normalised(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for c in name.trim().chars() {
        match c {
            '-' | '_' | '.' if normal.ends_with('-') => {}
            '-' | '_' | '.' => normal.push('-'),
            c => normal.push(c.to_ascii_lowercase()),
        }
    }
    normal
}

/// `requirements.txt`: lines that pin a version (`name==1.0`). Others choose one when they are
/// installed, so that nothing can be said.
pub fn requirements(_: &str, text: &str, extract: &mut Extract) {
    for line in text.lines() {
        let line = line.split(" #").next().unwrap_or_default();
        let line = line.split([';', '\\']).next().unwrap_or_default();
        let Some((name, version)) = line.split_once("==") else { continue };
        let name = name.split('[').next().unwrap_or_default().trim();
        let version = version.trim_start_matches('=').split([' ', ',']).find(|v| !v.is_empty());
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let Some(version) = version.filter(|v| !v.contains('*')) else { continue };
        if !name.is_empty() && name.chars().all(is_name) {
            extract.add(Found::declared(Pypi, &normalised(name), version));
        }
    }
}

/// `poetry.lock`, `uv.lock`, `pdm.lock` and `pylock.toml` (PEP 751): a table for each package.
pub fn toml_lock(_: &str, text: &str, extract: &mut Extract) {
    let Some(lock) = toml(text, extract) else { return };
    let packages = lock.get("package").or_else(|| lock.get("packages"));
    for package in packages.and_then(toml::Value::as_array).into_iter().flatten() {
        let field = |name: &str| package.get(name).and_then(toml::Value::as_str);
        // uv lists the project itself, which comes from no registry.
        let source = package.get("source").and_then(toml::Value::as_table);
        let is_local = source.is_some_and(|source| {
            ["virtual", "editable", "directory"].iter().any(|kind| source.contains_key(*kind))
        });
        if let (Some(name), Some(version), false) = (field("name"), field("version"), is_local) {
            extract.add(Found::declared(Pypi, &normalised(name), version));
        }
    }
}

/// `Pipfile.lock`.
pub fn pipfile_lock(_: &str, text: &str, extract: &mut Extract) {
    let Some(lock) = json(text, extract) else { return };
    let sections =
        ["default", "develop"].into_iter().filter_map(|name| lock.get(name)?.as_object());
    for (name, package) in sections.flatten() {
        let version = package.get("version").and_then(Value::as_str);
        if let Some(version) = version.and_then(|version| version.strip_prefix("==")) {
            extract.add(Found::declared(Pypi, &normalised(name), version));
        }
    }
}
