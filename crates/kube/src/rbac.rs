//! Role-based access control: what the API server would allow, to whom, and where that leads.
//!
//! [`Access`] is the whole of it: roles, bindings, subjects. It answers as the server's authorizer
//! does ([`Access::who_can`], [`Access::granted_to`]); [`paths`](mod@paths) follows what a subject can do to what it
//! can become.

mod access;
mod matching;
pub mod paths;
mod query;
mod subject;

pub use access::{Access, Bound, RoleEntry, RoleKind};
pub use matching::{Request, ResourceError, Target, parse_resource, rule_allows};
pub use query::{Grant, Granted};
pub use subject::{SubjectError, SubjectId, implicit_groups};
