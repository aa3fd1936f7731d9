use crate::api::{Container, Meta, PodSecurityContext, PodSpec, SecurityContext};

/// What a check looks at.
pub(crate) struct Pod<'a> {
    pub(crate) metadata: &'a Meta,
    pub(crate) spec: &'a PodSpec,
    /// Path of the pod spec within its object.
    pub(crate) path: &'a str,
}

/// A field that breaks a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Path of the field, containers and volumes by name.
    pub field: String,
    /// What it is.
    pub saw: String,
    /// What it should be; empty if it should not be there.
    pub wanted: String,
}

impl Observed {
    pub(crate) fn new(field: String, saw: impl Into<String>, wanted: impl Into<String>) -> Self {
        Self { field, saw: saw.into(), wanted: wanted.into() }
    }
}

impl Observed {
    /// The first field and what it is, and how many more: `containers[web] privileged is true`.
    pub(crate) fn summary(observed: &[Self]) -> String {
        let Some(first) = observed.first() else { return String::new() };
        // The way to the pod spec is the same for all of a kind.
        let field = first.field.split("spec.").last().unwrap_or(&first.field);
        let field = field.replace(".securityContext.", " ");
        let more = match observed.len() {
            0 | 1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        format!("{field} is {}{more}", first.saw)
    }
}

/// A container with its own security settings, set or not.
pub(crate) struct Contained<'a> {
    pub(crate) inner: &'a Container,
}

static NO_POD_CONTEXT: PodSecurityContext = PodSecurityContext {
    se_linux_options: None,
    windows_options: None,
    run_as_user: None,
    run_as_group: None,
    run_as_non_root: None,
    seccomp_profile: None,
    app_armor_profile: None,
    sysctls: Vec::new(),
};

static NO_CONTEXT: SecurityContext = SecurityContext {
    capabilities: None,
    privileged: None,
    se_linux_options: None,
    windows_options: None,
    run_as_user: None,
    run_as_group: None,
    run_as_non_root: None,
    read_only_root_filesystem: None,
    allow_privilege_escalation: None,
    proc_mount: None,
    seccomp_profile: None,
    app_armor_profile: None,
};

impl<'a> Contained<'a> {
    pub(crate) fn security(&self) -> &'a SecurityContext {
        self.inner.security_context.as_ref().unwrap_or(&NO_CONTEXT)
    }
}

impl<'a> Pod<'a> {
    /// All containers, each with its path.
    pub(crate) fn containers(&self) -> impl Iterator<Item = (String, Contained<'a>)> + use<'a, '_> {
        let lists = [
            ("initContainers", &self.spec.init_containers),
            ("containers", &self.spec.containers),
            ("ephemeralContainers", &self.spec.ephemeral_containers),
        ];
        lists.into_iter().flat_map(move |(list, containers)| {
            containers.iter().enumerate().map(move |(index, inner)| {
                let path = match inner.name.as_str() {
                    "" => format!("{}.{list}[{index}]", self.path),
                    name => format!("{}.{list}[{name}]", self.path),
                };
                (path, Contained { inner })
            })
        })
    }

    pub(crate) fn security(&self) -> &'a PodSecurityContext {
        self.spec.security_context.as_ref().unwrap_or(&NO_POD_CONTEXT)
    }

    /// Path of a field of the pod spec.
    pub(crate) fn field(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// Path of an annotation of the pod.
    pub(crate) fn annotation(&self, key: &str) -> String {
        let parent = self.path.strip_suffix("spec").unwrap_or(self.path);
        format!("{parent}metadata.annotations[{key}]")
    }
}
