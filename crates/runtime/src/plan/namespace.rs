//! Namespaces: which are made, which are joined, and the ids of a new user namespace.

use std::path::PathBuf;

use cofferdam_oci::runtime::{IdMapping, Linux, NamespaceType, TimeOffset};
use rustix::thread::UnshareFlags;

use super::Joined;
use crate::{
    error::Error,
    facts::Facts,
    ids::{Maps, Writer},
};

/// Namespaces that are made and those that are joined.
pub(super) fn plan(linux: &Linux) -> Result<(UnshareFlags, Vec<Joined>), Error> {
    let mut new = UnshareFlags::empty();
    let mut joined: Vec<Joined> = Vec::new();
    for (index, namespace) in linux.namespaces.iter().enumerate() {
        let kind = namespace.kind;
        let wrong = |why: String| Error::configuration(format!("/linux/namespaces/{index}"), why);
        if new.contains(flag(kind)) || joined.iter().any(|other| other.kind == kind) {
            return Err(wrong(format!("'{kind}' is there twice")));
        }
        if namespace.path.is_empty() {
            new |= flag(kind);
        } else if namespace.path.starts_with('/') {
            joined.push(Joined { kind, path: PathBuf::from(&namespace.path) });
        } else {
            return Err(wrong(format!("'{}' is not absolute", namespace.path)));
        }
    }
    let of = |kind| new.contains(flag(kind)) || joined.iter().any(|other| other.kind == kind);
    if of(NamespaceType::User) && !of(NamespaceType::Mount) {
        let why = "with a 'user' namespace, a 'mount' namespace is needed as well";
        return Err(Error::configuration("/linux/namespaces", why));
    }
    Ok((new, joined))
}

pub(crate) const fn flag(kind: NamespaceType) -> UnshareFlags {
    match kind {
        NamespaceType::Pid => UnshareFlags::NEWPID,
        NamespaceType::Network => UnshareFlags::NEWNET,
        NamespaceType::Mount => UnshareFlags::NEWNS,
        NamespaceType::Ipc => UnshareFlags::NEWIPC,
        NamespaceType::Uts => UnshareFlags::NEWUTS,
        NamespaceType::User => UnshareFlags::NEWUSER,
        NamespaceType::Cgroup => UnshareFlags::NEWCGROUP,
        NamespaceType::Time => UnshareFlags::NEWTIME,
    }
}

/// Most ranges in a map (`UID_GID_MAP_MAX_EXTENTS`).
const RANGES: usize = 340;

pub(super) fn ids(linux: &Linux, new: UnshareFlags, facts: &Facts) -> Result<Option<Maps>, Error> {
    let (users, groups) = (&linux.uid_mappings, &linux.gid_mappings);
    if !new.contains(UnshareFlags::NEWUSER) {
        let joined = linux.namespace(NamespaceType::User).is_some();
        // Those of a namespace that is joined are written; engines repeat them.
        return if joined || users.is_empty() && groups.is_empty() {
            Ok(None)
        } else {
            let why = "there is no new 'user' namespace that they could be for";
            Err(Error::configuration("/linux/uidMappings", why))
        };
    }
    for (field, map) in [("/linux/uidMappings", users), ("/linux/gidMappings", groups)] {
        if !crate::ids::is_mapped(map, 0) {
            return Err(Error::configuration(field, "id 0 of the container is not mapped"));
        }
        check(map).map_err(|why| Error::configuration(field, why))?;
    }
    let single =
        |map: &[IdMapping], own| map.len() == 1 && map[0].size == 1 && map[0].host_id == own;
    let writer = if facts.is_privileged() {
        Writer::Privileged
    } else if single(users, facts.user) && single(groups, facts.group) {
        Writer::Own
    } else {
        Writer::Helpers
    };
    Ok(Some(Maps { users: users.clone(), groups: groups.clone(), writer }))
}

/// Ranges must not be empty nor go beyond the last id, as 4294967295 stands for none.
pub(super) fn check(map: &[IdMapping]) -> Result<(), String> {
    if map.len() > RANGES {
        return Err(format!("more than {RANGES} ranges"));
    }
    let fits = |first: u32, size: u32| first.checked_add(size).is_some();
    let bad = map.iter().position(|range| {
        range.size == 0 || !fits(range.container_id, range.size) || !fits(range.host_id, range.size)
    });
    bad.map_or(Ok(()), |index| Err(format!("range {index} is empty or goes beyond the last id")))
}

pub(super) fn time_offsets(
    linux: &Linux,
    new: UnshareFlags,
) -> Result<Vec<(String, TimeOffset)>, Error> {
    if !linux.time_offsets.is_empty() && !new.contains(UnshareFlags::NEWTIME) {
        return Err(Error::configuration("/linux/timeOffsets", "there is no new 'time' namespace"));
    }
    for (clock, offset) in &linux.time_offsets {
        if !["monotonic", "boottime"].contains(&clock.as_str()) || offset.nanosecs >= 1_000_000_000
        {
            let why = "only 'monotonic' and 'boottime' have offsets, with nanosecs below 10⁹";
            return Err(Error::configuration(format!("/linux/timeOffsets/{clock}"), why));
        }
    }
    Ok(linux.time_offsets.iter().map(|(clock, offset)| (clock.clone(), offset.clone())).collect())
}

#[cfg(test)]
mod tests {
    use cofferdam_oci::runtime::Namespace;

    use super::*;

    #[test]
    fn namespaces_are_told_apart_and_come_once() {
        let of = |kind, path: &str| Namespace { kind, path: path.into() };
        let planned = |namespaces: Vec<Namespace>| plan(&Linux { namespaces, ..Linux::default() });
        use NamespaceType::{Mount, Network, User};
        let (new, joined) =
            planned(vec![of(Mount, ""), of(User, "/a"), of(Network, "/b")]).unwrap();
        assert_eq!((new, joined.len()), (UnshareFlags::NEWNS, 2));
        assert!(planned(vec![of(Mount, "/a")]).is_ok());
        assert!(planned(vec![]).is_ok());
        for wrong in [
            vec![of(User, "")],
            vec![of(User, "/a")],
            vec![of(Mount, ""), of(Mount, "/a")],
            vec![of(Mount, ""), of(Network, "proc/1/ns/net")],
        ] {
            assert!(planned(wrong).is_err());
        }
    }

    #[test]
    fn maps_stay_below_the_last_id() {
        let range = |container_id, host_id, size| IdMapping { container_id, host_id, size };
        assert!(check(&[range(0, 0, u32::MAX)]).is_ok());
        for wrong in [range(0, 0, 0), range(1, 0, u32::MAX), range(0, u32::MAX, 1)] {
            assert!(check(&[wrong]).is_err(), "{wrong:?}");
        }
        assert!(check(&vec![range(0, 0, 1); 341]).is_err());
    }
}
