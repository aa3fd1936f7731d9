//! The rules of this crate: what each looks for, why, and what to do.

mod coverage;

use cofferdam_finding::Rule;

use crate::{practice, pss, rbac::paths, versions, wiring};

pub use self::coverage::{
    KIND_NOT_LISTED, MANIFEST_NOT_READ, MANIFEST_NOT_UNDERSTOOD, OBJECT_AMBIGUOUS,
    OBJECT_NOT_UNDERSTOOD, OBJECT_UNNAMED,
};

/// All rules, in the order in which they are listed.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    coverage::RULES
        .iter()
        .chain(pss::CHECKS.iter().map(|check| &check.rule))
        .chain(practice::PRACTICES.iter().map(|practice| &practice.rule))
        .chain(wiring::WIRINGS.iter().map(|wiring| &wiring.rule))
        .chain(paths::RULES)
        .chain(versions::RULES)
        .chain(crate::network::RULES)
        .chain(crate::tenants::rules::RULES)
        .chain(crate::cis::RULES)
        .chain(crate::cis::policies::rules())
}
