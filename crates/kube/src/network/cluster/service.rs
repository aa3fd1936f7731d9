use super::{Service, ServiceExposure, ServicePort, Target};
use crate::{
    Object, ViewError,
    api::{self, IntOrString},
    network::{port::Protocol, selector::Selector},
};

pub(super) fn read_service(object: &Object) -> Result<Service, ViewError> {
    let api::Service { spec, .. } = object.view()?;
    let kind = spec.kind.as_deref().unwrap_or("ClusterIP");
    let exposure = match kind {
        "LoadBalancer" => ServiceExposure::LoadBalancer,
        _ if !spec.external_ips.is_empty() => ServiceExposure::ExternalIps,
        "NodePort" => ServiceExposure::NodePort,
        _ => ServiceExposure::Cluster,
    };
    let selects = !spec.selector.is_empty() && kind != "ExternalName";
    Ok(Service {
        namespace: object.namespace_or_default().to_owned(),
        name: object.name.clone(),
        selector: selects.then(|| Selector::of_labels(spec.selector)),
        ports: spec.ports.into_iter().filter_map(port).collect(),
        exposure,
    })
}

fn port(port: api::ServicePort) -> Option<ServicePort> {
    let protocol = port.protocol.as_deref().filter(|text| !text.is_empty()).unwrap_or("TCP");
    let number = u16::try_from(port.port).ok().filter(|number| *number > 0)?;
    let target = match port.target_port {
        None | Some(IntOrString::Int(0)) => Target::Number(number),
        Some(IntOrString::Int(target)) => Target::Number(u16::try_from(target).ok()?),
        Some(IntOrString::String(name)) => Target::Name(name),
    };
    Some(ServicePort {
        name: port.name.filter(|name| !name.is_empty()),
        protocol: Protocol::ALL.into_iter().find(|it| it.name() == protocol)?,
        port: number,
        target,
    })
}
