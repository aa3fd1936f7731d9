//! .NET: `*.deps.json` of published programs, and `packages.lock.json`.

use cofferdam_finding::PackageKind::Nuget;
use serde_json::Value;

use super::{Extract, Found, json};

/// `*.deps.json`: the libraries that a program was published with.
pub fn deps(_: &str, text: &str, extract: &mut Extract) {
    let Some(deps) = json(text, extract) else { return };
    for (key, library) in deps.get("libraries").and_then(Value::as_object).into_iter().flatten() {
        let kind = library.get("type").and_then(Value::as_str).unwrap_or_default();
        if let Some((name, version)) = key.split_once('/')
            && kind.eq_ignore_ascii_case("package")
        {
            extract.add(Found::new(Nuget, name, version));
        }
    }
}

/// `packages.lock.json`: by target framework.
pub fn lock(_: &str, text: &str, extract: &mut Extract) {
    let Some(lock) = json(text, extract) else { return };
    let frameworks = lock.get("dependencies").and_then(Value::as_object).into_iter().flatten();
    let packages = frameworks.filter_map(|(_, packages)| packages.as_object()).flatten();
    for (name, package) in packages {
        if let Some(version) = package.get("resolved").and_then(Value::as_str) {
            let found = Found::declared(Nuget, name, version);
            // One for every framework that is targeted.
            if !extract.packages.contains(&found) {
                extract.add(found);
            }
        }
    }
}
