//! What kinds a server has, by its discovery API.

use std::collections::HashSet;

use serde::Deserialize;

use super::{client::Client, error::LiveError};
use crate::api::null_is_default;

/// Groups and versions that are asked for: more than any cluster has, as each is a request.
const VERSIONS_LIMIT: usize = 1000;

/// A kind that can be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) group: String,
    pub(super) version: String,
    /// Plural name: `deployments`.
    pub(super) resource: String,
    pub(super) kind: String,
}

/// What there is, and which groups did not say.
#[derive(Debug, Default)]
pub(super) struct Discovered {
    pub(super) kinds: Vec<Listed>,
    pub(super) failed: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Groups {
    #[serde(default, deserialize_with = "null_is_default")]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    #[serde(default, deserialize_with = "null_is_default")]
    versions: Vec<Version>,
    #[serde(default, deserialize_with = "null_is_default")]
    preferred_version: Version,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default, deserialize_with = "null_is_default")]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    #[serde(default)]
    kind: String,
    #[serde(default, deserialize_with = "null_is_default")]
    verbs: Vec<String>,
}

impl Listed {
    /// Path by which all of them are listed.
    pub(super) fn path(&self) -> String {
        let Self { group, version, resource, .. } = self;
        match group.as_str() {
            "" => format!("/api/{version}/{resource}"),
            group => format!("/apis/{group}/{version}/{resource}"),
        }
    }

    /// `deployments.apps`.
    pub(super) fn title(&self) -> String {
        match self.group.as_str() {
            "" => self.resource.clone(),
            group => format!("{}.{group}", self.resource),
        }
    }
}

/// Asks for every group, its preferred version first; a kind that older versions alone have counts,
/// too. A group that does not answer (its server is gone) is told, and no error.
pub(super) fn discover(client: &mut Client) -> Result<Discovered, LiveError> {
    let mut found = Discovered::default();
    let core: Resources = client.read("/api/v1")?;
    add(&mut found, "", "v1", core, &mut HashSet::new());
    let groups: Groups = client.read("/apis")?;
    let mut asked = 0;
    for group in groups.groups {
        let mut seen = HashSet::new();
        let preferred = group.preferred_version.version;
        let others = group.versions.iter().map(|one| &one.version);
        let others = others.filter(|version| **version != preferred);
        for version in std::iter::once(&preferred).filter(|one| !one.is_empty()).chain(others) {
            asked += 1;
            if !is_segment(&group.name) || !is_segment(version) || asked > VERSIONS_LIMIT {
                let why = "its name is none, or there are too many".to_owned();
                found.failed.push((format!("{}/{version}", group.name), why));
                continue;
            }
            match client.read(&format!("/apis/{}/{version}", group.name)) {
                Ok(resources) => add(&mut found, &group.name, version, resources, &mut seen),
                Err(error @ (LiveError::Status { .. } | LiveError::Answer { .. })) => {
                    found.failed.push((format!("{}/{version}", group.name), error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

fn add(
    found: &mut Discovered,
    group: &str,
    version: &str,
    resources: Resources,
    seen: &mut HashSet<String>,
) {
    for one in resources.resources {
        // `pods/exec` is a part of another.
        let is_listed = one.verbs.iter().any(|verb| verb == "list") && is_segment(&one.name);
        if is_listed && seen.insert(one.name.clone()) {
            let (group, version) = (group.to_owned(), version.to_owned());
            found.kinds.push(Listed { group, version, resource: one.name, kind: one.kind });
        }
    }
}

/// Whether a name can be a part of a path as it is.
fn is_segment(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !name.is_empty() && name.bytes().all(is_plain) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_taken_from_the_first_version_that_has_it() {
        let text = r#"{"resources": [
            {"name": "widgets", "kind": "Widget", "verbs": ["list"]},
            {"name": "widgets/status", "kind": "Widget", "verbs": ["list"]},
            {"name": "../../x", "kind": "Widget", "verbs": ["list"]},
            {"name": "reviews", "kind": "Review", "verbs": ["create"]}]}"#;
        let (mut found, mut seen) = (Discovered::default(), HashSet::new());
        for version in ["v1", "v1beta1"] {
            let resources = serde_json::from_str(text).unwrap();
            add(&mut found, "example.org", version, resources, &mut seen);
        }
        assert_eq!(found.kinds.len(), 1);
        assert_eq!(found.kinds[0].path(), "/apis/example.org/v1/widgets");
        assert_eq!(found.kinds[0].title(), "widgets.example.org");
    }
}
