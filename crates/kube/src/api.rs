//! Typed views of the kinds that are analysed: the fields that matter, named as the API names them.
//!
//! They read what the API server would: absent and `null` are the default, unknown fields are
//! ignored, a field of the wrong type is an error. Use them by [`Object::view`](crate::Object::view).

mod meta;
mod pod;
mod rbac;
mod security;
mod service;
mod volume;

pub use meta::{LabelSelector, Meta, Metadata, OwnerReference, SelectorRequirement};
pub use pod::{
    Container, ContainerPort, EnvFromSource, EnvVar, EnvVarSource, Handler, HostAction, HostAlias,
    KeySelector, Lifecycle, NamedReference, PodOs, PodSpec, Probe, ResourceRequirements,
    Toleration, VolumeMount,
};
pub use rbac::{
    AggregationRule, Binding, ClusterRole, PolicyRule, Role, RoleRef, ServiceAccount, Subject,
};
pub use security::{
    Capabilities, PodSecurityContext, SeLinuxOptions, SecurityContext, SecurityProfile, Sysctl,
    WindowsOptions,
};
use serde::{Deserialize, Deserializer};
pub use service::{IntOrString, Namespace, Service, ServicePort, ServiceSpec};
pub use volume::{HostPath, Volume};

/// Reads `null` as the default, as the API server does for every field.
///
/// # Errors
/// If the value is neither null nor a `T`.
pub fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
