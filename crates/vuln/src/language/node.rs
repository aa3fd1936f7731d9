//! Node: installed packages, and the lock files of npm, yarn, pnpm and bun.

use cofferdam_finding::PackageKind::Npm;
use serde_json::Value;

use super::{Extract, Found, json};

/// `package.json` of an installed package. One without a name or a version is no package. One that
/// is not below `node_modules` is a project's own, which may have the name of a package that it has
/// nothing to do with; unless the directory says what was unpacked there (`opt/yarn-v1.22.19`).
pub fn package(path: &str, text: &str, extract: &mut Extract) {
    // Packages bring broken ones along for their tests.
    let Ok(package) = serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) else {
        return;
    };
    let field = |name: &str| package.get(name).and_then(Value::as_str).filter(|v| !v.is_empty());
    let (Some(name), Some(version)) = (field("name"), field("version")) else { return };
    if !path.contains("node_modules/") && !is_unpacked(path, name) {
        return;
    }
    let mut found = Found::new(Npm, name, version);
    let license = package.get("license");
    let license = license.and_then(|l| l.as_str().or_else(|| l.get("type")?.as_str()));
    found.licenses.extend(license.map(str::to_owned));
    extract.add(found);
}

/// `yarn-v1.22.19/package.json` of `yarn`.
fn is_unpacked(path: &str, name: &str) -> bool {
    let directory = path.rsplit('/').nth(1).unwrap_or_default();
    let version = directory.strip_prefix(name).and_then(|rest| rest.strip_prefix('-'));
    let version = version.map(|version| version.strip_prefix('v').unwrap_or(version));
    version.is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

/// Depth of dependencies within dependencies in a lock file of version 1.
const DEEPEST: usize = 100;

/// `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3
/// (<https://docs.npmjs.com/cli/configuring-npm/package-lock-json>).
pub fn package_lock(_: &str, text: &str, extract: &mut Extract) {
    let Some(lock) = json(text, extract) else { return };
    if let Some(packages) = lock.get("packages").and_then(Value::as_object) {
        for (path, package) in packages {
            let is_link = package.get("link").and_then(Value::as_bool) == Some(true);
            let Some((_, name)) = path.rsplit_once("node_modules/").filter(|_| !is_link) else {
                continue;
            };
            // An alias has the name of what it stands for beside it.
            let name = package.get("name").and_then(Value::as_str).unwrap_or(name);
            if let Some(version) = package.get("version").and_then(Value::as_str) {
                extract.add(Found::declared(Npm, name, version));
            }
        }
    } else if let Some(dependencies) = lock.get("dependencies") {
        nested(dependencies, 0, extract);
    }
}

fn nested(dependencies: &Value, depth: usize, extract: &mut Extract) {
    if depth == DEEPEST {
        return extract.problem("dependencies", format!("they are {DEEPEST} deep"));
    }
    for (name, package) in dependencies.as_object().into_iter().flatten() {
        let version = package.get("version").and_then(Value::as_str).unwrap_or_default();
        if let Some((name, version)) = alias(version) {
            extract.add(Found::declared(Npm, name, version));
        } else if version.starts_with(|c: char| c.is_ascii_digit()) {
            extract.add(Found::declared(Npm, name, version));
        }
        if let Some(inner) = package.get("dependencies") {
            nested(inner, depth + 1, extract);
        }
    }
}

/// `npm:name@1.0.0`
fn alias(version: &str) -> Option<(&str, &str)> {
    version.strip_prefix("npm:")?.rsplit_once('@').filter(|(name, _)| !name.is_empty())
}

/// The name in front of the `@` of a range: `@babel/core@^7.0.0`, `a@npm:b@^1`.
fn name_of(specifier: &str) -> Option<&str> {
    let at = specifier.get(1..)?.find('@')? + 1;
    let (name, range) = (&specifier[..at], &specifier[at + 1..]);
    match range.strip_prefix("npm:").filter(|target| target.len() > 1) {
        Some(target) => match target[1..].find('@') {
            Some(at) => Some(&target[..at + 1]),
            None => Some(name),
        },
        None => Some(name),
    }
}

/// `yarn.lock` of yarn 1 and of yarn 2 and later: entries that begin in the first column, with a
/// `version` below.
pub fn yarn_lock(_: &str, text: &str, extract: &mut Extract) {
    let mut name: Option<&str> = None;
    for line in text.lines() {
        let is_entry = !line.starts_with([' ', '\t', '#']) && line.ends_with(':');
        if is_entry {
            let first = line.trim_end_matches(':').split(", ").next().unwrap_or_default();
            let specifier = first.trim_matches('"');
            let is_foreign =
                ["@workspace:", "@link:", "@portal:"].iter().any(|p| specifier.contains(p));
            name = name_of(specifier).filter(|_| !is_foreign);
            continue;
        }
        let field = line.trim().strip_prefix("version");
        if let Some(version) = field.and_then(|v| v.strip_prefix([' ', ':']))
            && let Some(name) = name.take()
        {
            extract.add(Found::declared(Npm, name, version.trim().trim_matches('"')));
        }
    }
}

/// `pnpm-lock.yaml`, versions 5 to 9: the keys of `packages`, which are written one a line, two
/// spaces deep: `/a/1.0.0`, `/a@1.0.0(b@2.0.0)`, `'@s/a@1.0.0'`.
pub fn pnpm_lock(_: &str, text: &str, extract: &mut Extract) {
    let mut within = false;
    for line in text.lines() {
        if !line.starts_with(' ') && !line.is_empty() {
            within = line == "packages:";
        }
        let key = line.strip_prefix("  ").filter(|key| within && !key.starts_with(' '));
        let Some(key) = key.and_then(|key| key.trim_end().strip_suffix(':')) else { continue };
        let key = key.trim_matches(['\'', '"']);
        let key = key.split('(').next().unwrap_or_default().trim_start_matches('/');
        let last =
            key.rsplit_once('/').filter(|(_, v)| v.starts_with(|c: char| c.is_ascii_digit()));
        let separated = match last {
            // Version 5 writes what it resolved for after an underscore.
            Some((name, version)) => version.split('_').next().map(|version| (name, version)),
            None => key
                .get(1..)
                .and_then(|rest| rest.rfind('@'))
                .map(|at| (&key[..=at], &key[at + 2..])),
        };
        if let Some((name, version)) = separated
            && version.starts_with(|c: char| c.is_ascii_digit())
        {
            extract.add(Found::declared(Npm, name, version));
        }
    }
}

/// `bun.lock`: JSON with commas where JSON has none, a package a line:
/// `"a": ["a@1.0.0", "", {…}, "sha512-…"],`.
pub fn bun_lock(_: &str, text: &str, extract: &mut Extract) {
    let packages = text.split_once("\"packages\":").map_or("", |(_, packages)| packages);
    for line in packages.lines() {
        let Some((_, rest)) = line.trim().split_once(": [\"") else { continue };
        let specifier = rest.split('"').next().unwrap_or_default();
        let Some(at) = specifier.get(1..).and_then(|rest| rest.rfind('@')) else { continue };
        let (name, version) = (&specifier[..at + 1], &specifier[at + 2..]);
        if version.starts_with(|c: char| c.is_ascii_digit()) {
            extract.add(Found::declared(Npm, name, version));
        }
    }
}
