//! PHP: what composer installed or locked.

use cofferdam_finding::PackageKind::Composer;
use serde_json::Value;

use super::{Extract, Found, json};

/// `composer.lock`, or `vendor/composer/installed.json` of composer 1 and 2.
pub fn lock(path: &str, text: &str, extract: &mut Extract) {
    let Some(lock) = json(text, extract) else { return };
    let is_installed = path.ends_with("installed.json");
    let lists =
        ["packages", "packages-dev"].into_iter().filter_map(|name| lock.get(name)?.as_array());
    for package in lists.flatten().chain(lock.as_array().into_iter().flatten()) {
        let field = |name: &str| package.get(name).and_then(Value::as_str);
        let (Some(name), Some(version)) = (field("name"), field("version")) else { continue };
        let mut found = Found::new(Composer, &name.to_ascii_lowercase(), version);
        found.declared = !is_installed;
        let licenses = package.get("license").and_then(Value::as_array).into_iter().flatten();
        found.licenses.extend(licenses.filter_map(Value::as_str).map(str::to_owned));
        extract.add(found);
    }
}
