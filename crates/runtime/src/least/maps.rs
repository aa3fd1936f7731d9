use cofferdam_oci::runtime::IdMapping;

use super::{LeastError, Subordinates, UserNamespace};
use crate::{
    facts::Facts,
    ids::{self, is_mapped},
};

pub(super) fn maps(
    kind: UserNamespace,
    facts: &Facts,
    subordinates: &Subordinates,
) -> Result<(Vec<IdMapping>, Vec<IdMapping>), LeastError> {
    let own =
        |range| (ids::own_and_range(facts.user, range), ids::own_and_range(facts.group, range));
    match kind {
        UserNamespace::Host if facts.is_privileged() => Ok((Vec::new(), Vec::new())),
        UserNamespace::Host => Err(LeastError::HostIds),
        UserNamespace::Own => Ok(own(None)),
        UserNamespace::Private { users, groups } if facts.is_privileged() => {
            Ok((ids::all_from(users), ids::all_from(groups)))
        }
        UserNamespace::Private { users, groups } => Ok((
            ids::own_and_range(facts.user, Some(users)),
            ids::own_and_range(facts.group, Some(groups)),
        )),
        UserNamespace::Auto if facts.is_privileged() => {
            let (users, _) = ids::for_root(&subordinates.users);
            let (groups, _) = ids::for_root(&subordinates.groups);
            Ok((ids::all_from(users), ids::all_from(groups)))
        }
        UserNamespace::Auto => {
            let range = |table: &str, id| {
                ids::ranges(table, subordinates.name.as_deref(), id).into_iter().next()
            };
            let users = range(&subordinates.users, facts.user);
            // The owner of /etc/subgid's ranges is a user too (subgid(5)).
            let groups = range(&subordinates.groups, facts.user);
            Ok(match (users, groups) {
                (Some(users), Some(groups)) => (
                    ids::own_and_range(facts.user, Some(users)),
                    ids::own_and_range(facts.group, Some(groups)),
                ),
                _ => own(None),
            })
        }
    }
}

pub(super) fn check(kind: &'static str, map: &[IdMapping], id: u32) -> Result<(), LeastError> {
    if is_mapped(map, id) {
        return Ok(());
    }
    let last = map.iter().map(|range| range.container_id + (range.size - 1)).max();
    Err(LeastError::Unmapped { kind, id, last: last.unwrap_or_default() })
}
