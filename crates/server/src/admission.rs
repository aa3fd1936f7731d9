//! Decisions on requests of an API server (`admission.k8s.io/v1`), by the rules that `kube audit` has.

mod cel;
mod decide;
mod manifests;
mod policy;
mod review;

pub use self::{
    cel::{Exported, export},
    decide::{Decided, Verdict, decide},
    manifests::{Authority, Install, manifests},
    policy::{Action, Policy, PolicyError},
    review::{ReviewError, Reviewed, review},
};
