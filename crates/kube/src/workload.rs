use std::collections::HashMap;

use cofferdam_finding::Gap;
use serde::Deserialize;

use crate::{
    Object, Snapshot, ViewError,
    api::{Meta, PodSpec},
    rules,
};

/// Something that runs pods: a Pod, or the template of whatever makes pods.
#[derive(Debug, Clone)]
pub struct Workload<'a> {
    /// The object.
    pub object: &'a Object,
    /// Metadata of the object itself.
    pub own: Meta,
    /// Metadata that its pods have.
    pub metadata: Meta,
    /// What its pods are.
    pub spec: PodSpec,
    /// Path of the pod spec within the object: `spec.template.spec`.
    pub path: &'static str,
}

/// All workloads of a snapshot, and those that could not be understood.
#[derive(Debug, Default)]
pub struct Workloads<'a> {
    /// In the order of the snapshot; none that another one of them made.
    pub workloads: Vec<Workload<'a>>,
    /// Objects whose pod spec has fields of the wrong type.
    pub gaps: Vec<Gap>,
}

/// Where a kind keeps its pod template: the path of the template within the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Pod,
    Template,
    SpecTemplate,
    JobTemplate,
}

impl Shape {
    fn of(object: &Object) -> Option<Self> {
        Some(match (object.group.as_str(), object.kind.as_str()) {
            ("", "Pod") => Self::Pod,
            ("", "PodTemplate") => Self::Template,
            ("", "ReplicationController")
            | ("apps" | "extensions", "Deployment" | "ReplicaSet" | "DaemonSet" | "StatefulSet")
            | ("batch", "Job")
            | ("apps.openshift.io", "DeploymentConfig")
            | ("argoproj.io", "Rollout")
            | ("serving.knative.dev", "Service" | "Configuration") => Self::SpecTemplate,
            ("batch", "CronJob") => Self::JobTemplate,
            _ => return None,
        })
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Pod => "spec",
            Self::Template => "template.spec",
            Self::SpecTemplate => "spec.template.spec",
            Self::JobTemplate => "spec.jobTemplate.spec.template.spec",
        }
    }
}

impl<'a> Workload<'a> {
    /// The workload that `object` is, if it is of a kind that runs pods.
    ///
    /// # Errors
    /// If a field of the pod spec has a wrong type.
    pub fn of(object: &'a Object) -> Option<Result<Self, ViewError>> {
        let shape = Shape::of(object)?;
        Some(Self::view(object, shape).map_err(|mut error| {
            if error.field == "." {
                shape.path().clone_into(&mut error.field);
            }
            error
        }))
    }

    fn view(object: &'a Object, shape: Shape) -> Result<Self, ViewError> {
        let (own, template) = match shape {
            Shape::Pod => {
                let pod: Template = object.view()?;
                (pod.metadata.clone(), pod)
            }
            Shape::Template => {
                let holder: Holder<Template> = object.view()?;
                (holder.metadata, holder.template)
            }
            Shape::SpecTemplate => {
                let holder: Spec<Holder<Template>> = object.view()?;
                (holder.metadata, holder.spec.template)
            }
            Shape::JobTemplate => {
                let holder: Spec<CronJob> = object.view()?;
                (holder.metadata, holder.spec.job_template.spec.template)
            }
        };
        Ok(Self {
            object,
            own,
            metadata: template.metadata,
            spec: template.spec,
            path: shape.path(),
        })
    }

    /// Namespace of its pods.
    pub fn namespace(&self) -> &'a str {
        self.object.namespace_or_default()
    }

    /// Service account that its pods run as.
    pub fn service_account(&self) -> &str {
        let named = [&self.spec.service_account_name, &self.spec.service_account];
        named.into_iter().flatten().find(|name| !name.is_empty()).map_or("default", String::as_str)
    }
}

impl Snapshot {
    /// Everything that runs pods. What a controller of this snapshot made (the ReplicaSets and pods
    /// of a Deployment) is left out where it is confined as the controller's template says; who
    /// merely claims an owner is not.
    pub fn workloads(&self) -> Workloads<'_> {
        let mut found = Workloads::default();
        for object in &self.objects {
            match Workload::of(object) {
                Some(Ok(workload)) => found.workloads.push(workload),
                Some(Err(error)) => found.gaps.push(Gap {
                    rule: rules::OBJECT_NOT_UNDERSTOOD.into(),
                    object: format!("{} ({})", object.title(), self.place(object.source)),
                    why: error.to_string(),
                }),
                None => {}
            }
        }
        let mut by_name: HashMap<(&str, &str, &str), usize> = HashMap::new();
        for (index, one) in found.workloads.iter().enumerate() {
            by_name.insert((&one.object.kind, one.namespace(), &one.object.name), index);
        }
        let repeats_its_owner = |one: &Workload<'_>| {
            let Some(owner) = one.own.controller() else { return false };
            by_name
                .get(&(owner.kind.as_str(), one.namespace(), owner.name.as_str()))
                .is_some_and(|&index| is_confined_alike(&found.workloads[index].spec, &one.spec))
        };
        let repeats: Vec<bool> = found.workloads.iter().map(repeats_its_owner).collect();
        let mut repeats = repeats.into_iter();
        found.workloads.retain(|_| !repeats.next().unwrap_or_default());
        found
    }
}

/// Whether a pod has the privileges of the template that it claims to come from: what admission
/// adds to every pod (a volume with the account's token, defaults) does not count.
fn is_confined_alike(template: &PodSpec, pod: &PodSpec) -> bool {
    let whole = |spec: &PodSpec| {
        let account = spec.service_account_name.clone().unwrap_or_default();
        let account = if account.is_empty() { "default".into() } else { account };
        let host = (spec.host_network, spec.host_pid, spec.host_ipc, spec.host_users);
        (account, host, spec.security_context.clone().unwrap_or_default(), spec.os.clone())
    };
    let containers = |spec: &PodSpec| -> Vec<_> {
        spec.all_containers()
            .map(|one| (one.name.clone(), one.image.clone(), one.security_context.clone()))
            .collect()
    };
    let volumes = |spec: &PodSpec| -> Vec<_> {
        spec.volumes.iter().filter(|one| one.source("projected").is_none()).cloned().collect()
    };
    whole(template) == whole(pod)
        && containers(template) == containers(pod)
        && volumes(template) == volumes(pod)
}

#[derive(Deserialize)]
struct Template {
    #[serde(default, deserialize_with = "crate::api::null_is_default")]
    metadata: Meta,
    #[serde(default, deserialize_with = "crate::api::null_is_default")]
    spec: PodSpec,
}

#[derive(Deserialize)]
struct Holder<T> {
    #[serde(default, deserialize_with = "crate::api::null_is_default")]
    metadata: Meta,
    template: T,
}

#[derive(Deserialize)]
struct Spec<T> {
    #[serde(default, deserialize_with = "crate::api::null_is_default")]
    metadata: Meta,
    spec: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CronJob {
    job_template: JobTemplate,
}

#[derive(Deserialize)]
struct JobTemplate {
    spec: Holder<Template>,
}
