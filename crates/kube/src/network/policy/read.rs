use serde::Deserialize;
use thiserror::Error;

use super::{Action, Policy, PortMatch, admin, cluster, namespaced};
use crate::{
    Object, ViewError,
    network::{
        port::{PortSet, Protocol},
        selector::SelectorError,
    },
};

/// Why a policy has no effect: the API server would not have taken it.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// A field has the wrong type.
    #[error("{0}")]
    View(#[from] ViewError),
    /// A selector is wrong.
    #[error("{field}: {source}")]
    Selector {
        /// Where.
        field: String,
        /// What is wrong.
        source: SelectorError,
    },
    /// A field has a value that it cannot have.
    #[error("{field}: {reason}")]
    Value {
        /// Where.
        field: String,
        /// What is wrong.
        reason: String,
    },
    /// A version of the kind that is not known here.
    #[error("{0} is not a version that is understood")]
    Version(String),
}

/// A policy, with what in it cannot be decided here.
pub(super) type Read = Result<(Policy, Vec<String>), PolicyError>;

/// Whether `object` is of one of the kinds that [`read`] reads.
pub fn is_policy(object: &Object) -> bool {
    object.is("networking.k8s.io", "NetworkPolicy")
        || object.is("policy.networking.k8s.io", "AdminNetworkPolicy")
        || object.is("policy.networking.k8s.io", "BaselineAdminNetworkPolicy")
        || object.is("policy.networking.k8s.io", "ClusterNetworkPolicy")
}

/// The policy that `object` is, if it is of a kind that is one, and remarks on what in it cannot be
/// decided without more than the cluster's objects.
///
/// # Errors
/// If the API server would not take it.
pub fn read(object: &Object) -> Option<Read> {
    if !is_policy(object) {
        return None;
    }
    Some(match (object.kind.as_str(), object.version.as_str()) {
        ("NetworkPolicy", "v1") => namespaced::read(object),
        ("AdminNetworkPolicy", "v1alpha1") => admin::read(object, false),
        ("BaselineAdminNetworkPolicy", "v1alpha1") => admin::read(object, true),
        ("ClusterNetworkPolicy", "v1alpha2") => cluster::read(object),
        _ => Err(PolicyError::Version(format!("{}/{}", object.group, object.version))),
    })
}

/// An object of which only the spec matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Specified<T> {
    pub(super) spec: T,
}

pub(super) fn value_error(field: impl Into<String>, reason: impl Into<String>) -> PolicyError {
    PolicyError::Value { field: field.into(), reason: reason.into() }
}

pub(super) fn protocol(text: Option<&str>, field: &str) -> Result<Protocol, PolicyError> {
    // Names of protocols are case-sensitive in the API; unset and empty is TCP.
    match text {
        None | Some("") => Ok(Protocol::Tcp),
        Some(text) => Protocol::ALL
            .into_iter()
            .find(|protocol| protocol.name() == text)
            .ok_or_else(|| value_error(field, format!("'{text}' is not one of TCP, UDP, SCTP"))),
    }
}

pub(super) fn port_number(number: i64, field: &str) -> Result<u16, PolicyError> {
    u16::try_from(number)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| value_error(field, format!("{number} is not a port from 1 to 65535")))
}

pub(super) fn port_range(
    protocol: Protocol,
    first: i64,
    last: i64,
    field: &str,
) -> Result<PortMatch, PolicyError> {
    let (first, last) = (port_number(first, field)?, port_number(last, field)?);
    if last < first {
        return Err(value_error(field, format!("the range {first}-{last} ends before it begins")));
    }
    Ok(PortMatch::Numbers(PortSet::of_range(protocol, first, last)))
}

pub(super) fn action(text: &str, allow: &str, field: &str) -> Result<Action, PolicyError> {
    match text {
        _ if text == allow => Ok(Action::Allow),
        "Deny" => Ok(Action::Deny),
        "Pass" => Ok(Action::Pass),
        _ => Err(value_error(field, format!("'{text}' is not one of {allow}, Deny, Pass"))),
    }
}
