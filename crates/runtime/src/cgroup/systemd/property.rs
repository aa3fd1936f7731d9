//! Properties of a unit: from limits, and from annotations as far as these can do no harm.

use std::collections::BTreeMap;

use cofferdam_oci::runtime::Resources;

use super::{Layout, PROPERTY};
use crate::{cgroup::Version, dbus::Value, error::Error};

/// Properties that an annotation may ask for. Others start programs, depend on other units, lift
/// limits, or give what the configuration does not (CVE-2022-0811, CVE-2024-3154).
const ALLOWED: [(&str, Kind); 5] = [
    ("CollectMode", Kind::OneOf(&["inactive", "inactive-or-failed"])),
    ("DefaultDependencies", Kind::Flag),
    ("SendSIGHUP", Kind::Flag),
    ("TimeoutStopUSec", Kind::Number),
    ("TimeoutStopSec", Kind::Seconds),
];

#[derive(Clone, Copy)]
enum Kind {
    Flag,
    Number,
    /// Written in seconds and told to systemd in microseconds.
    Seconds,
    OneOf(&'static [&'static str]),
}

/// Properties that annotations ask for, whose values are written as GVariant texts.
///
/// # Errors
/// When one may not be set so, or its value is none of its type.
pub(crate) fn annotations(
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<(String, Value)>, Error> {
    let mut found = Vec::new();
    for (key, text) in annotations {
        let Some(name) = key.strip_prefix(PROPERTY) else { continue };
        let wrong = |why: String| Error::configuration(format!("/annotations/{key}"), why);
        let allowed = ALLOWED.iter().find(|(known, _)| *known == name);
        let Some((_, kind)) = allowed else {
            let names: Vec<_> = ALLOWED.iter().map(|(name, _)| *name).collect();
            let why = format!("only {} may be set by annotations", names.join(", "));
            return Err(wrong(why));
        };
        let value = value(*kind, text.trim());
        let value = value.ok_or_else(|| wrong(format!("'{text}' is no value of it")))?;
        found.push((if name == "TimeoutStopSec" { "TimeoutStopUSec" } else { name }.into(), value));
    }
    Ok(found)
}

fn value(kind: Kind, text: &str) -> Option<Value> {
    let number = |text: &str| {
        let digits = text.strip_prefix("uint64").map_or(text, str::trim_start);
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            digits.parse::<u64>().ok()
        } else {
            None
        }
    };
    Some(match kind {
        Kind::Flag => Value::Bool(match text {
            "true" => true,
            "false" => false,
            _ => return None,
        }),
        Kind::Number => Value::Uint64(number(text)?),
        Kind::Seconds => Value::Uint64(number(text)?.checked_mul(1_000_000)?),
        Kind::OneOf(words) => {
            let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
            let word = quoted('\'').or_else(|| quoted('"'))?;
            Value::String(words.iter().find(|known| **known == word)?.to_string())
        }
    })
}

/// Properties that limit what the configuration limits: those that systemd knows of.
pub(super) fn resources(resources: &Resources, layout: &Layout) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let mut add = |name: &str, value: u64| found.push((name.to_owned(), Value::Uint64(value)));
    let is_v1 = |controller| layout.version_of(controller) == Some(Version::V1);
    if let Some(limit) = resources.pids.as_ref().and_then(|pids| pids.limit) {
        // Without a limit it is the largest number.
        add("TasksMax", u64::try_from(limit).ok().filter(|n| *n > 0).unwrap_or(u64::MAX));
    }
    if let Some(memory) = &resources.memory {
        let name = if is_v1("memory") { "MemoryLimit" } else { "MemoryMax" };
        if let Some(limit) = memory.limit.filter(|limit| *limit != 0) {
            add(name, u64::try_from(limit).unwrap_or(u64::MAX));
        }
        if let Some(low) = memory.reservation.filter(|low| *low > 0 && !is_v1("memory")) {
            add("MemoryLow", low.unsigned_abs());
        }
    }
    let Some(cpu) = &resources.cpu else { return found };
    if let Some(shares) = cpu.shares.filter(|shares| *shares > 0) {
        if is_v1("cpu") {
            add("CPUShares", shares.clamp(2, 262_144));
        } else {
            // From 2 to 262144 becomes from 1 to 10000.
            add("CPUWeight", 1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142);
        }
    }
    if let Some(quota) = cpu.quota.filter(|quota| *quota != 0) {
        let period = cpu.period.filter(|period| *period > 0).unwrap_or(100_000);
        let each = u64::try_from(quota).ok().map(|quota| quota.saturating_mul(1_000_000) / period);
        // systemd keeps it in steps of 10 ms a second.
        let each = each.map_or(u64::MAX, |each| each.div_ceil(10_000).saturating_mul(10_000));
        add("CPUQuotaPerSecUSec", each);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, value: &str) -> Result<Vec<(String, Value)>, String> {
        let all = [(format!("{PROPERTY}{name}"), value.to_owned()), ("other".into(), "x".into())];
        annotations(&all.into()).map_err(|error| error.to_string())
    }

    #[test]
    fn harmless_properties_are_passed_on() {
        for (name, text, wanted, value) in [
            (
                "CollectMode",
                "'inactive-or-failed'",
                "CollectMode",
                Value::String("inactive-or-failed".into()),
            ),
            ("TimeoutStopUSec", "uint64 5", "TimeoutStopUSec", Value::Uint64(5)),
            ("TimeoutStopSec", "uint64 2", "TimeoutStopUSec", Value::Uint64(2_000_000)),
            ("DefaultDependencies", "true", "DefaultDependencies", Value::Bool(true)),
        ] {
            assert_eq!(asked(name, text).unwrap(), [(wanted.to_owned(), value)], "{name}");
        }
    }

    #[test]
    fn all_others_are_refused() {
        for (name, text) in [
            ("ExecStart", "[('/bin/sh', ['sh'], false)]"),
            ("ExecStartPre", "''"),
            ("ExecStop", "''"),
            ("User", "'root'"),
            ("Slice", "'-.slice'"),
            ("DevicePolicy", "'auto'"),
            ("DeviceAllow", "[('/dev/sda', 'rwm')]"),
            ("MemoryMax", "uint64 18446744073709551615"),
            ("TasksMax", "uint64 1"),
            ("PIDs", "[1]"),
            ("OnFailure", "['evil.service']"),
            ("Wants", "['evil.service']"),
            ("After", "['evil.service']"),
            ("", "true"),
            ("collectmode", "'inactive'"),
            ("CollectMode ", "'inactive'"),
            ("CollectMode\nExecStart", "'inactive'"),
            ("CollectMode", "inactive"),
            ("CollectMode", "'inactive'\nExecStart=/evil"),
            ("CollectMode", "'evil'"),
            ("TimeoutStopUSec", "-1"),
            ("TimeoutStopUSec", "uint64"),
            ("TimeoutStopSec", "18446744073709551615"),
            ("DefaultDependencies", "1"),
        ] {
            assert!(asked(name, text).is_err(), "{name} {text}");
        }
    }

    #[test]
    fn limits_are_told_in_systemds_units() {
        let json = br#"{"pids": {"limit": 7}, "memory": {"limit": 4096, "reservation": 1024},
            "cpu": {"shares": 1024, "quota": 15001, "period": 100000}}"#;
        let resources: Resources = serde_json::from_slice(json).unwrap();
        let of = |layout: &Layout| super::resources(&resources, layout);
        let number = |name: &str, value| (name.to_owned(), Value::Uint64(value));
        let unified = Layout::Unified { own: "/".into() };
        assert_eq!(
            of(&unified),
            [
                number("TasksMax", 7),
                number("MemoryMax", 4096),
                number("MemoryLow", 1024),
                number("CPUWeight", 39),
                number("CPUQuotaPerSecUSec", 160_000),
            ]
        );
        let none: Resources = serde_json::from_slice(
            br#"{"pids": {"limit": -1}, "memory": {"limit": -1}, "cpu": {"quota": -1}}"#,
        )
        .unwrap();
        let all = super::resources(&none, &unified);
        assert!(all.iter().all(|(_, value)| *value == Value::Uint64(u64::MAX)), "{all:?}");
    }
}
