//! Landlock, as an extension of the specification: `linux.landlock`, as it was once proposed, or
//! the same as JSON in an annotation. Rights are lists of names, or a number of raw bits.

use std::path::PathBuf;

use cofferdam_oci::runtime::Spec;
use cofferdam_sys::landlock::{FILE_RIGHTS, Handled, NETWORK_RIGHTS, SCOPES};
use serde::Deserialize;

use super::{Landlock, annotation};
use crate::error::Error;

/// Most paths and ports together.
const MOST: usize = 1024;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Block {
    ruleset: Ruleset,
    #[serde(default)]
    rules: Rules,
    /// Taken, and without meaning: what the kernel lacks is always an error.
    #[serde(default, rename = "disableBestEffort")]
    _disable_best_effort: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Ruleset {
    #[serde(default)]
    handled_access_fs: Rights,
    #[serde(default)]
    handled_access_net: Rights,
    #[serde(default)]
    scoped: Rights,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rules {
    #[serde(default)]
    path_beneath: Vec<PathBeneath>,
    #[serde(default)]
    net_port: Vec<NetPort>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PathBeneath {
    allowed_access: Rights,
    paths: Vec<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NetPort {
    allowed_access: Rights,
    ports: Vec<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Rights {
    Bits(u64),
    Names(Vec<String>),
}

impl Default for Rights {
    fn default() -> Self {
        Self::Bits(0)
    }
}

impl Rights {
    fn bits(&self, table: &[(&str, u32)]) -> Result<u64, String> {
        let known = (1u64 << table.len()) - 1;
        match self {
            Self::Bits(bits) if bits & !known == 0 => Ok(*bits),
            Self::Bits(bits) => Err(format!("bits {:#x} mean nothing here", bits & !known)),
            Self::Names(names) => names.iter().try_fold(0, |bits, name| {
                let index = table.iter().position(|(known, _)| known == name);
                index.map(|index| bits | 1 << index).ok_or_else(|| {
                    let all: Vec<_> = table.iter().map(|(name, _)| *name).collect();
                    format!("'{name}' is none of {}", all.join(", "))
                })
            }),
        }
    }
}

/// What the configuration asks for.
pub(super) fn plan(spec: &Spec, no_new_privileges: bool) -> Result<Option<Landlock>, Error> {
    let block = spec.linux.as_ref().and_then(|linux| linux.landlock.as_ref());
    let text = spec.annotations.get(annotation::LANDLOCK);
    let (field, parsed) = match (block, text) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let why = format!("it is there twice: also as annotation '{}'", annotation::LANDLOCK);
            return Err(Error::configuration("/linux/landlock", why));
        }
        (Some(value), None) => ("/linux/landlock".into(), Block::deserialize(value)),
        (None, Some(text)) => {
            (format!("/annotations/{}", annotation::LANDLOCK), serde_json::from_str(text))
        }
    };
    let wrong = |why: String| Error::configuration(field.clone(), why);
    let landlock = understand(&parsed.map_err(|error| wrong(error.to_string()))?).map_err(wrong)?;
    if !no_new_privileges {
        return Err(wrong("it needs process.noNewPrivileges".into()));
    }
    Ok(Some(landlock))
}

fn understand(block: &Block) -> Result<Landlock, String> {
    let handled = Handled {
        files: block.ruleset.handled_access_fs.bits(&FILE_RIGHTS)?,
        network: block.ruleset.handled_access_net.bits(&NETWORK_RIGHTS)?,
        scopes: block.ruleset.scoped.bits(&SCOPES)?,
    };
    if handled == Handled::default() {
        return Err("it handles nothing".into());
    }
    let mut found = Landlock { handled, paths: Vec::new(), ports: Vec::new() };
    for rule in &block.rules.path_beneath {
        let rights = within(rule.allowed_access.bits(&FILE_RIGHTS)?, handled.files)?;
        for path in &rule.paths {
            if !path.is_absolute() {
                return Err(format!("'{}' is not absolute", path.display()));
            }
            found.paths.push((path.clone(), rights));
        }
    }
    for rule in &block.rules.net_port {
        let rights = within(rule.allowed_access.bits(&NETWORK_RIGHTS)?, handled.network)?;
        found.ports.extend(rule.ports.iter().map(|port| (*port, rights)));
    }
    if found.paths.len() + found.ports.len() > MOST {
        return Err(format!("more than {MOST} paths and ports"));
    }
    Ok(found)
}

fn within(rights: u64, handled: u64) -> Result<u64, String> {
    if rights == 0 || rights & !handled != 0 {
        return Err("a rule allows nothing, or what is not handled".into());
    }
    Ok(rights)
}

/// What of `handled` a kernel of this version of Landlock lacks.
pub(crate) fn lacking(handled: &Handled, version: u32) -> Vec<&'static str> {
    let missing = |bits: u64, table: &'static [(&'static str, u32)]| {
        table.iter().enumerate().filter_map(move |(index, (name, since))| {
            (bits >> index & 1 == 1 && *since > version).then_some(*name)
        })
    };
    missing(handled.files, &FILE_RIGHTS)
        .chain(missing(handled.network, &NETWORK_RIGHTS))
        .chain(missing(handled.scopes, &SCOPES))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(json: &str) -> Result<Option<Landlock>, Error> {
        let annotations = [(annotation::LANDLOCK.to_owned(), json.to_owned())].into();
        plan(&Spec { annotations, ..Spec::default() }, true)
    }

    #[test]
    fn names_and_bits_mean_the_same() {
        let names = r#"{"ruleset": {"handledAccessFs": ["execute", "write_file"],
            "handledAccessNet": ["bind_tcp"], "scoped": ["signal"]},
            "rules": {"pathBeneath": [{"allowedAccess": ["execute"], "paths": ["/usr"]}],
            "netPort": [{"allowedAccess": ["bind_tcp"], "ports": [80]}]}}"#;
        let bits = r#"{"ruleset": {"handledAccessFs": 3, "handledAccessNet": 1, "scoped": 2},
            "rules": {"pathBeneath": [{"allowedAccess": 1, "paths": ["/usr"]}],
            "netPort": [{"allowedAccess": 1, "ports": [80]}]}}"#;
        let landlock = planned(names).unwrap().unwrap();
        assert_eq!(planned(bits).unwrap().unwrap(), landlock);
        assert_eq!(landlock.paths, [(PathBuf::from("/usr"), 1)]);
        assert_eq!(lacking(&landlock.handled, 3), ["bind_tcp", "signal"]);
        assert_eq!(lacking(&landlock.handled, 6), [""; 0]);
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for json in [
            "",
            "{}",
            r#"{"ruleset": {}}"#,
            r#"{"ruleset": {"handledAccessFs": ["fly"]}}"#,
            r#"{"ruleset": {"handledAccessFs": 65536}}"#,
            r#"{"ruleset": {"handledAccessFs": 1}, "x": 1}"#,
            r#"{"ruleset": {"handledAccessFs": 1},
                "rules": {"pathBeneath": [{"allowedAccess": 2, "paths": ["/a"]}]}}"#,
            r#"{"ruleset": {"handledAccessFs": 1},
                "rules": {"pathBeneath": [{"allowedAccess": 1, "paths": ["a"]}]}}"#,
        ] {
            assert!(planned(json).is_err(), "{json}");
        }
        let spec = Spec {
            annotations: [(
                annotation::LANDLOCK.to_owned(),
                r#"{"ruleset": {"handledAccessFs": 1}}"#.to_owned(),
            )]
            .into(),
            ..Spec::default()
        };
        assert!(plan(&spec, false).is_err(), "it needs no_new_privs");
    }
}
