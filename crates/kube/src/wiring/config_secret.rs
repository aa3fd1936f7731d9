use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Seen, Wiring, World, rule};
use crate::pss::Observed;
use crate::{api::null_is_default, practice::names_a_secret};

pub(super) static WIRING: Wiring = Wiring {
    rule: rule(
        "kube-secret-in-config",
        "A secret stands in a config map",
        cofferdam_finding::Severity::High,
        cofferdam_finding::Topic::Secret,
        "A key of a ConfigMap, or a line NAME=VALUE of its texts, is named like a password, \
         token or key and has a value. The value is not printed.",
        "Config maps are read by everybody who may look at the namespace, are not encrypted at \
         rest where secrets are, and stand in the repository of the manifest.",
        "Put it into a Secret, and change the secret: it is known.",
    ),
    look,
};

fn look<'a>(world: &World<'a>) -> Vec<Seen<'a>> {
    let mut seen = Vec::new();
    for object in world.snapshot.of("", "ConfigMap") {
        let Ok(map) = object.view::<ConfigMap>() else { continue };
        for (key, value) in &map.data {
            let mut add = |field: String, value: &str| {
                let saw = format!("a value of {} characters", value.chars().count());
                seen.push((object, Observed::new(field, saw, "a Secret")));
            };
            if !value.contains('\n') && names_a_secret(key, value) {
                add(format!("data[{key}]"), value);
                continue;
            }
            for line in value.lines().take(LINES) {
                let Some((name, value)) = line.split_once('=') else { continue };
                let name = name.trim().trim_start_matches("export ");
                let value = value.trim().trim_matches(['"', '\'']);
                let is_name =
                    |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
                if !name.is_empty() && name.bytes().all(is_name) && names_a_secret(name, value) {
                    add(format!("data[{key}] {name}"), value);
                }
            }
        }
    }
    seen
}

/// Lines of a text that are looked at.
const LINES: usize = 10_000;

#[derive(Deserialize)]
struct ConfigMap {
    #[serde(default, deserialize_with = "null_is_default")]
    data: BTreeMap<String, String>,
}
