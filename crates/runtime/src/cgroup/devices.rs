//! Which devices a container may use (config-linux.md, allowed device list).

use cofferdam_oci::runtime::DeviceRule;
use cofferdam_sys::device_filter::{EVERYTHING, Kind, MAKE, READ, Rule, WRITE};

/// Most rules of a container.
const MOST: usize = 4096;

/// Devices that every container may use (config-linux.md, default devices), and terminals. Nodes
/// may be made of any device: what counts is who may open them.
pub(super) fn defaults() -> Vec<Rule> {
    const ANY: Option<u32> = None;
    let rule = |kind, major, minor, access| Rule { allow: true, kind, major, minor, access };
    let (block, character) = (Some(Kind::Block), Some(Kind::Character));
    let mut rules = vec![rule(character, ANY, ANY, MAKE), rule(block, ANY, ANY, MAKE)];
    // null, zero, full, random, urandom; tty, console, ptmx.
    for (major, minor) in [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)] {
        rules.push(rule(character, Some(major), Some(minor), EVERYTHING));
    }
    // Terminals of devpts.
    rules.push(rule(character, Some(136), ANY, EVERYTHING));
    rules
}

/// The rules of a configuration, in order.
///
/// # Errors
/// What is wrong with which rule.
pub(super) fn parse(rules: &[DeviceRule]) -> Result<Vec<Rule>, String> {
    if rules.len() > MOST {
        return Err(format!("more than {MOST} rules"));
    }
    let one = |(index, rule): (usize, &DeviceRule)| {
        self::rule(rule).map_err(|why| format!("rule {index}: {why}"))
    };
    rules.iter().enumerate().map(one).collect()
}

fn rule(rule: &DeviceRule) -> Result<Rule, String> {
    let kind = match rule.kind.as_str() {
        "" | "a" => None,
        "c" | "u" => Some(Kind::Character),
        "b" => Some(Kind::Block),
        other => return Err(format!("'{other}' is no type of a device")),
    };
    let number = |number: Option<i64>| match number {
        None | Some(-1) => Ok(None),
        Some(n) => u32::try_from(n).map(Some).map_err(|_| format!("'{n}' is no device number")),
    };
    let mut access = 0;
    for letter in rule.access.chars() {
        access |= match letter {
            'r' => READ,
            'w' => WRITE,
            'm' => MAKE,
            other => return Err(format!("'{other}' is no access: it is of r, w and m")),
        };
    }
    Ok(Rule {
        allow: rule.allow,
        kind,
        major: number(rule.major)?,
        minor: number(rule.minor)?,
        access: if rule.access.is_empty() { EVERYTHING } else { access },
    })
}

/// Whether the rules leave nothing forbidden.
pub(super) fn allow_everything(rules: &[Rule]) -> bool {
    let last = rules.iter().rposition(|rule| *rule == all(true));
    last.is_some_and(|last| rules[last..].iter().all(|rule| rule.allow))
}

const fn all(allow: bool) -> Rule {
    Rule { allow, kind: None, major: None, minor: None, access: EVERYTHING }
}

/// What to write to `devices.allow` and `devices.deny` (cgroup v1) for the rules.
///
/// The kernel keeps a default and a list of exceptions, and takes an exception back only by the
/// very numbers that it was made with.
///
/// # Errors
/// When that cannot express the rules: which one, and why.
pub(super) fn lines(rules: &[Rule]) -> Result<Vec<(&'static str, String)>, String> {
    const ALLOW: &str = "devices.allow";
    const DENY: &str = "devices.deny";
    let mut lines = vec![(DENY, "a".to_owned())];
    let mut default = false;
    let mut exceptions: Vec<Rule> = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let file = if rule.allow { ALLOW } else { DENY };
        if *rule == all(rule.allow) {
            default = rule.allow;
            exceptions.clear();
            lines = vec![(file, "a".to_owned())];
            continue;
        }
        let kinds = rule.kind.map_or(vec![Kind::Character, Kind::Block], |kind| vec![kind]);
        for kind in kinds {
            let rule = Rule { kind: Some(kind), ..*rule };
            let wider = |other: &&Rule| !same(other, &rule) && overlap(other, &rule);
            if rule.allow == default && exceptions.iter().any(|other| wider(&other)) {
                return Err(format!(
                    "rule {index} takes back a part of another rule, which cgroup v1 cannot"
                ));
            }
            remember(&mut exceptions, rule, default);
            lines.push((file, line(&rule)));
        }
    }
    Ok(lines)
}

fn remember(exceptions: &mut Vec<Rule>, rule: Rule, default: bool) {
    match exceptions.iter_mut().find(|other| same(other, &rule)) {
        Some(known) if rule.allow == default => known.access &= !rule.access,
        Some(known) => known.access |= rule.access,
        None if rule.allow == default => {}
        None => exceptions.push(rule),
    }
}

fn same(one: &Rule, other: &Rule) -> bool {
    (one.kind, one.major, one.minor) == (other.kind, other.major, other.minor)
}

fn overlap(one: &Rule, other: &Rule) -> bool {
    let meet =
        |one: Option<u32>, other: Option<u32>| one.is_none() || other.is_none() || one == other;
    one.kind == other.kind
        && meet(one.major, other.major)
        && meet(one.minor, other.minor)
        && one.access & other.access != 0
}

fn line(rule: &Rule) -> String {
    let kind = if rule.kind == Some(Kind::Block) { 'b' } else { 'c' };
    let number = |number: Option<u32>| number.map_or("*".to_owned(), |n| n.to_string());
    let letters = [(READ, 'r'), (WRITE, 'w'), (MAKE, 'm')];
    let access = letters.iter().filter(|(bit, _)| rule.access & bit != 0).map(|(_, letter)| letter);
    let access: String = access.collect();
    format!("{kind} {}:{} {access}", number(rule.major), number(rule.minor))
}

#[cfg(test)]
mod tests {
    use cofferdam_sys::device_filter::allows;
    use proptest::prelude::*;

    use super::*;

    fn described(allow: bool, kind: &str, major: i64, minor: i64, access: &str) -> DeviceRule {
        DeviceRule {
            allow,
            kind: kind.into(),
            major: (major >= 0).then_some(major),
            minor: (minor >= 0).then_some(minor),
            access: access.into(),
        }
    }

    fn written(rules: &[DeviceRule]) -> Result<Vec<String>, String> {
        let lines = lines(&parse(rules)?)?;
        Ok(lines.into_iter().map(|(file, line)| format!("{file} {line}")).collect())
    }

    #[test]
    fn lines_are_as_the_kernel_reads_them() {
        let rules = [
            described(false, "a", -1, -1, "rwm"),
            described(true, "c", 10, 229, "rw"),
            described(true, "b", 8, -1, "r"),
            described(true, "a", 7, 0, "w"),
            described(false, "c", 10, 229, "w"),
        ];
        assert_eq!(
            written(&rules).unwrap(),
            [
                "devices.deny a",
                "devices.allow c 10:229 rw",
                "devices.allow b 8:* r",
                "devices.allow c 7:0 w",
                "devices.allow b 7:0 w",
                "devices.deny c 10:229 w",
            ]
        );
        assert_eq!(written(&[]).unwrap(), ["devices.deny a"]);
        assert_eq!(written(&[described(true, "", -1, -1, "")]).unwrap(), ["devices.allow a"]);
    }

    #[test]
    fn what_version_1_cannot_express_is_refused() {
        let part = [described(true, "c", 10, -1, "rwm"), described(false, "c", 10, 200, "rwm")];
        assert!(written(&part).unwrap_err().starts_with("rule 1 takes back"));
        for (kind, major, access) in [("x", 1, "r"), ("c", 1 << 33, "r"), ("c", 1, "x")] {
            assert!(written(&[described(true, kind, major, 0, access)]).is_err(), "{kind}");
        }
    }

    #[test]
    fn everything_is_allowed_only_without_exceptions() {
        let all = |allow| described(allow, "a", -1, -1, "rwm");
        let one = |allow| described(allow, "c", 1, 1, "rwm");
        for (rules, wanted) in [
            (vec![all(true)], true),
            (vec![all(false), all(true), one(true)], true),
            (vec![all(true), one(false)], false),
            (vec![one(true)], false),
            (vec![], false),
        ] {
            assert_eq!(allow_everything(&parse(&rules).unwrap()), wanted, "{rules:?}");
        }
    }

    /// What the kernel would answer on cgroup v1 after these lines.
    fn version_1(lines: &[(&str, String)], kind: char, major: u32, minor: u32, access: u8) -> bool {
        let mut default = true;
        let mut exceptions: Vec<(String, u8)> = Vec::new();
        for (file, line) in lines {
            let allow = *file == "devices.allow";
            if line == "a" {
                (default, exceptions) = (allow, Vec::new());
                continue;
            }
            let (device, letters) = line.rsplit_once(' ').unwrap();
            let bits = letters.chars().map(|c| match c {
                'r' => READ,
                'w' => WRITE,
                _ => MAKE,
            });
            let bits = bits.fold(0, |all, bit| all | bit);
            match exceptions.iter_mut().find(|(known, _)| known == device) {
                Some((_, known)) if allow == default => *known &= !bits,
                Some((_, known)) => *known |= bits,
                None if allow == default => {}
                None => exceptions.push((device.to_owned(), bits)),
            }
        }
        let names = |text: &str| {
            let (its_kind, numbers) = text.split_once(' ').unwrap();
            let (its_major, its_minor) = numbers.split_once(':').unwrap();
            let is = |text: &str, n: u32| text == "*" || text == n.to_string();
            its_kind == kind.to_string() && is(its_major, major) && is(its_minor, minor)
        };
        let about = || exceptions.iter().filter(|(device, _)| names(device));
        if default {
            about().all(|(_, bits)| bits & access == 0)
        } else {
            about().any(|(_, bits)| bits & access == access)
        }
    }

    prop_compose! {
        fn any_rule()(
            allow: bool,
            kind in prop_oneof![Just("a"), Just("b"), Just("c")],
            major in -1..2i64,
            minor in -1..2i64,
            access in prop_oneof![Just("rwm"), Just("rw"), Just("r"), Just("m")],
        ) -> DeviceRule {
            described(allow, kind, major, minor, access)
        }
    }

    proptest! {
        #[test]
        fn both_versions_answer_alike(
            rules in proptest::collection::vec(any_rule(), 0..8),
            major in 0..3u32,
            minor in 0..3u32,
            block: bool,
        ) {
            let rules = parse(&rules).unwrap();
            let Ok(lines) = lines(&rules) else { return Ok(()) };
            let (kind, letter) =
                if block { (Kind::Block, 'b') } else { (Kind::Character, 'c') };
            // Version 1 does not add up what several exceptions allow in part.
            for access in [READ, WRITE, MAKE] {
                let wanted = allows(&rules, kind, major, minor, access);
                prop_assert_eq!(version_1(&lines, letter, major, minor, access), wanted);
            }
        }
    }
}
