//! What ingresses and routes lead to.

use serde::Deserialize;

use super::{Backend, BackendPort, Target};
use crate::{
    Object, ViewError,
    api::{IntOrString, null_is_default},
};

#[derive(Debug, Deserialize)]
struct Specified<T: Default + for<'a> Deserialize<'a>> {
    #[serde(default, deserialize_with = "null_is_default")]
    spec: T,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Ingress {
    default_backend: Option<IngressBackend>,
    /// The name in `extensions/v1beta1`.
    backend: Option<IngressBackend>,
    #[serde(deserialize_with = "null_is_default")]
    rules: Vec<IngressRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IngressRule {
    http: Option<IngressPaths>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IngressPaths {
    #[serde(deserialize_with = "null_is_default")]
    paths: Vec<IngressPath>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IngressPath {
    #[serde(deserialize_with = "null_is_default")]
    backend: IngressBackend,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct IngressBackend {
    service: Option<IngressService>,
    service_name: Option<String>,
    service_port: Option<IntOrString>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IngressService {
    #[serde(deserialize_with = "null_is_default")]
    name: String,
    #[serde(deserialize_with = "null_is_default")]
    port: IngressPort,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IngressPort {
    number: Option<i64>,
    name: Option<String>,
}

pub(super) fn of_ingress(object: &Object) -> Result<Vec<Backend>, ViewError> {
    let Specified::<Ingress> { spec } = object.view()?;
    let paths = spec.rules.into_iter().filter_map(|rule| rule.http).flat_map(|http| http.paths);
    let all = spec.default_backend.into_iter().chain(spec.backend);
    let all = all.chain(paths.map(|path| path.backend));
    Ok(all.filter_map(|written| ingress_backend(object, written)).collect())
}

fn ingress_backend(object: &Object, written: IngressBackend) -> Option<Backend> {
    let (service, port) = match (written.service, written.service_name) {
        (Some(service), _) => {
            let number = service.port.number.filter(|number| *number != 0).map(IntOrString::Int);
            (service.name, number.or(service.port.name.map(IntOrString::String)))
        }
        (None, Some(name)) => (name, written.service_port),
        (None, None) => return None,
    };
    let port = port.map_or(Some(BackendPort::Any), |it| Some(BackendPort::Service(target(it)?)))?;
    let namespace = object.namespace_or_default().to_owned();
    Some(Backend { from: object.title(), namespace, service, port })
}

fn target(port: IntOrString) -> Option<Target> {
    match port {
        IntOrString::Int(number) => u16::try_from(number).ok().map(Target::Number),
        IntOrString::String(name) => Some(Target::Name(name)),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Route {
    #[serde(deserialize_with = "null_is_default")]
    to: RouteTarget,
    #[serde(deserialize_with = "null_is_default")]
    alternate_backends: Vec<RouteTarget>,
    port: Option<RoutePort>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RouteTarget {
    kind: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RoutePort {
    target_port: IntOrString,
}

pub(super) fn of_route(object: &Object) -> Result<Vec<Backend>, ViewError> {
    let Specified::<Route> { spec } = object.view()?;
    let port = match spec.port.and_then(|port| target(port.target_port)) {
        None => BackendPort::Any,
        Some(Target::Number(number)) => BackendPort::Pod(number),
        Some(name) => BackendPort::Service(name),
    };
    let all = std::iter::once(spec.to).chain(spec.alternate_backends);
    let services = all.filter(|to| to.kind.as_deref().is_none_or(|kind| kind == "Service"));
    Ok(services
        .map(|to| Backend {
            from: object.title(),
            namespace: object.namespace_or_default().to_owned(),
            service: to.name,
            port: port.clone(),
        })
        .collect())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GatewayRoute {
    #[serde(deserialize_with = "null_is_default")]
    rules: Vec<GatewayRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GatewayRule {
    #[serde(deserialize_with = "null_is_default")]
    backend_refs: Vec<GatewayBackend>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GatewayBackend {
    kind: Option<String>,
    namespace: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    name: String,
    port: Option<u16>,
}

pub(super) fn of_gateway_route(object: &Object) -> Result<Vec<Backend>, ViewError> {
    let Specified::<GatewayRoute> { spec } = object.view()?;
    let all = spec.rules.into_iter().flat_map(|rule| rule.backend_refs);
    let services = all.filter(|to| to.kind.as_deref().is_none_or(|kind| kind == "Service"));
    Ok(services
        .map(|to| Backend {
            from: object.title(),
            namespace: to.namespace.unwrap_or_else(|| object.namespace_or_default().to_owned()),
            service: to.name,
            port: to.port.map_or(BackendPort::Any, |it| BackendPort::Service(Target::Number(it))),
        })
        .collect())
}
