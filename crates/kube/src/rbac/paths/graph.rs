use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Options,
    edges::{self, Powers},
    escape::node_escape,
    permission::{Fold, fold_roles},
    technique::{Hub, Whole},
};
use crate::{
    Snapshot, Workload, Workloads,
    api::{Metadata, ServiceAccount},
    rbac::{
        Access, SubjectId,
        access::{number, place},
        implicit_groups,
    },
};

/// Label by which a namespace enforces a level of the Pod Security Standards.
const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
/// Label and prefix of what every API server creates for itself.
const BOOTSTRAPPING: &str = "kubernetes.io/bootstrapping";

/// Subjects, workloads and powers, and what leads from one to the other.
pub(super) struct Graph<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) workloads: &'a [Workload<'a>],
    pub(super) access: Access,
    pub(super) folds: Vec<Fold>,
    /// What each subject may do by bindings of its own.
    pub(super) powers: Vec<Powers>,
    /// Index of the groups that each subject is in and that a binding names.
    pub(super) groups: Vec<Vec<u32>>,
    /// Names of namespaces; the first stands for all of them.
    pub(super) namespaces: Vec<String>,
    pub(super) namespace_index: HashMap<String, u32>,
    /// Whether a namespace takes privileged pods; of the first, whether any does.
    pub(super) takes_privileged: Vec<bool>,
    /// Service accounts with a token in a secret, by namespace and name of the secret.
    pub(super) token_secrets: HashMap<(u32, String), u32>,
    pub(super) has_aws_auth: bool,
    /// Tenant of a namespace, where a label says so.
    pub(super) tenants: Vec<Option<String>>,
    /// Bindings that the API server makes for itself.
    pub(super) is_bootstrap: Vec<bool>,
    /// Roles that somebody may bind by name, with the namespace (0 for all).
    pub(super) grants: Vec<(u32, u32)>,
    grant_index: HashMap<(u32, u32), u32>,
    /// Edges, sorted by where they begin.
    pub(super) edges: Vec<Edge>,
    /// Where those of each node begin.
    begin: Vec<usize>,
    /// Grants whose edges are among them.
    pub(super) connected: usize,
}

/// That one node leads to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) via: Via,
    /// Namespace in which the permission holds; 0 for all.
    pub(super) namespace: u32,
}

/// By what a node leads to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    /// A row of the table.
    Technique(u16),
    /// A permission for the other's name, with a text that completes "can …".
    Named(super::permission::Permission, &'static str),
    /// Membership in a group.
    Group,
    /// How a cluster works.
    Structure(&'static str),
    /// A field of a workload.
    Field,
}

/// What a node stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Subject(u32),
    Workload(u32),
    /// A power over a namespace, 0 for all.
    Hub(Hub, u32),
    Whole(Whole),
    /// What a role gives, in a namespace or in all.
    Grant(u32, u32),
}

impl<'a> Graph<'a> {
    pub(super) fn new(
        snapshot: &'a Snapshot,
        mut access: Access,
        workloads: &'a Workloads<'a>,
        options: &Options,
    ) -> Self {
        let workloads = workloads.workloads.as_slice();
        for workload in workloads {
            access.intern(SubjectId::account(workload.namespace(), workload.service_account()));
        }
        let folds = fold_roles(&access);
        let mut graph = Self {
            snapshot,
            workloads,
            folds,
            powers: Vec::new(),
            groups: Vec::new(),
            namespaces: vec!["*".into()],
            namespace_index: HashMap::new(),
            takes_privileged: Vec::new(),
            token_secrets: HashMap::new(),
            has_aws_auth: snapshot.of("", "ConfigMap").any(|map| {
                map.name == "aws-auth" && map.namespace.as_deref() == Some("kube-system")
            }),
            tenants: Vec::new(),
            is_bootstrap: Vec::new(),
            grants: Vec::new(),
            grant_index: HashMap::new(),
            edges: Vec::new(),
            begin: Vec::new(),
            connected: 0,
            access,
        };
        graph.find_namespaces(options);
        graph.find_token_secrets();
        graph.find_bootstrap();
        graph.find_powers();
        graph.connect();
        graph
    }

    fn find_namespaces(&mut self, options: &Options) {
        let mut labels: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut names: HashSet<String> = ["default", "kube-system"].map(String::from).into();
        for object in self.snapshot.of("", "Namespace") {
            let known = object.view().map(|view: Metadata| view.metadata.labels);
            labels.insert(object.name.clone(), known.unwrap_or_default());
        }
        for binding in &self.access.bindings {
            names.extend(binding.namespace.as_ref().filter(|one| !names.contains(*one)).cloned());
        }
        for subject in &self.access.subjects {
            if let SubjectId::ServiceAccount { namespace, .. } = subject
                && !names.contains(namespace)
            {
                names.insert(namespace.clone());
            }
        }
        for name in names {
            labels.entry(name).or_default();
        }
        self.takes_privileged.push(false);
        self.tenants.push(None);
        for (name, labels) in labels {
            let level = labels.get(ENFORCE).map(String::as_str);
            self.takes_privileged.push(!matches!(level, Some("baseline" | "restricted")));
            self.tenants
                .push(options.tenant_label.as_ref().and_then(|key| labels.get(key).cloned()));
            self.namespace_index.insert(name.clone(), number(self.namespaces.len()));
            self.namespaces.push(name);
        }
        self.takes_privileged[0] = self.takes_privileged.iter().any(|takes| *takes);
    }

    /// Index of a namespace that is known; 0 for none.
    pub(super) fn namespace(&self, name: Option<&str>) -> u32 {
        name.and_then(|name| self.namespace_index.get(name)).copied().unwrap_or(0)
    }

    fn find_token_secrets(&mut self) {
        for object in self.snapshot.of("", "Secret") {
            let Ok(view) = object.view::<Metadata>() else { continue };
            let Some(account) = view.metadata.annotations.get("kubernetes.io/service-account.name")
            else {
                continue;
            };
            let id = SubjectId::account(object.namespace_or_default(), account);
            let Some(subject) = self.access.index.get(&id) else { continue };
            let namespace = self.namespace(Some(object.namespace_or_default()));
            self.token_secrets.insert((namespace, object.name.clone()), *subject);
        }
    }

    fn find_bootstrap(&mut self) {
        let is_bootstrap = |index: usize, name: &str| {
            (name.starts_with("system:") || name == "cluster-admin") && {
                let view = self.snapshot.objects[index].view::<Metadata>();
                view.is_ok_and(|view| view.metadata.labels.contains_key(BOOTSTRAPPING))
            }
        };
        let bindings = self.access.bindings.iter();
        self.is_bootstrap = bindings.map(|one| is_bootstrap(one.object, &one.name)).collect();
    }

    fn find_powers(&mut self) {
        self.powers = (0..number(self.access.subjects.len()))
            .map(|subject| self.powers_of(subject, &[]))
            .collect();
        let group = |name: &String| self.access.index.get(&SubjectId::group(name)).copied();
        self.groups = self
            .access
            .subjects
            .iter()
            .map(|subject| implicit_groups(subject).iter().filter_map(group).collect())
            .collect();
    }

    /// What a subject may do by its own bindings, but for those left out.
    pub(super) fn powers_of(&self, subject: u32, without: &[u32]) -> Powers {
        let mut powers = Powers::default();
        for bound in &self.access.bound[place(subject)] {
            if !without.contains(bound) {
                let binding = &self.access.bindings[place(*bound)];
                let namespace = self.namespace(binding.namespace.as_deref());
                powers.add(namespace, &self.folds[place(binding.role)]);
            }
        }
        powers.settle();
        powers
    }

    fn connect(&mut self) {
        let mut all = Vec::new();
        for subject in 0..number(self.access.subjects.len()) {
            let powers = std::mem::take(&mut self.powers[place(subject)]);
            edges::of_subject(self, subject, &powers, &mut all);
            self.powers[place(subject)] = powers;
        }
        self.connect_grants(0, &mut all);
        self.connected = self.grants.len();
        self.connect_structure(&mut all);
        all.sort_by_key(|edge| edge.from);
        self.begin = vec![0; self.size() + 1];
        for edge in &all {
            self.begin[place(edge.from) + 1] += 1;
        }
        for index in 1..self.begin.len() {
            self.begin[index] += self.begin[index - 1];
        }
        self.edges = all;
    }

    /// The edges of grants from the one at `next` on: they appear while edges are made, and may lead
    /// to others.
    pub(super) fn connect_grants(&mut self, mut next: usize, all: &mut Vec<Edge>) {
        while let Some((role, namespace)) = self.grants.get(next).copied() {
            let node = self.id(Node::Grant(role, namespace));
            let mut powers = Powers::default();
            powers.add(namespace, &self.folds[place(role)]);
            powers.settle();
            edges::of_powers(self, node, None, &powers, all);
            next += 1;
        }
    }

    /// Indices of the edges that begin at a node; those of a grant that came later are not there.
    pub(super) fn from(&self, node: u32) -> std::ops::Range<usize> {
        let begin = |index: usize| self.begin.get(index).copied().unwrap_or(self.edges.len());
        begin(place(node))..begin(place(node) + 1)
    }

    fn connect_structure(&self, all: &mut Vec<Edge>) {
        let mut add = |from: Node, to: Node, text: &'static str| {
            let via = Via::Structure(text);
            all.push(Edge { from: self.id(from), to: self.id(to), via, namespace: 0 });
        };
        let whole = Node::Whole;
        for namespace in 0..number(self.namespaces.len()) {
            let hub = |hub| Node::Hub(hub, namespace);
            for inner in [Hub::RunPods, Hub::EnterPods, Hub::ReadSecrets, Hub::Accounts] {
                add(hub(Hub::Everything), hub(inner), "that is part of everything");
            }
            add(hub(Hub::RunPods), hub(Hub::Accounts), "a pod can name any account beside it");
            add(hub(Hub::RunPods), hub(Hub::ReadSecrets), "a pod can mount any secret beside it");
            if self.takes_privileged[place(namespace)] {
                let text = "no Pod Security level keeps privileged pods out of the namespace";
                add(hub(Hub::RunPods), whole(Whole::NodeRoot), text);
            }
            if namespace > 0 {
                for one in Hub::ALL {
                    add(Node::Hub(one, 0), hub(one), "the namespace is one of them");
                }
            }
        }
        for ((namespace, _), subject) in &self.token_secrets {
            let from = Node::Hub(Hub::ReadSecrets, *namespace);
            add(from, Node::Subject(*subject), "a secret there holds a token of the account");
        }
        for (index, subject) in self.access.subjects.iter().enumerate() {
            let node = Node::Subject(number(index));
            match subject {
                SubjectId::ServiceAccount { namespace, .. } => {
                    let from = Node::Hub(Hub::Accounts, self.namespace(Some(namespace)));
                    add(from, node, "the account is one of them");
                }
                SubjectId::User { .. } => add(whole(Whole::AnyUser), node, "the user is one"),
                SubjectId::Group { name } if name == "system:masters" => {
                    let text = "the server allows it everything, without asking any rule";
                    add(node, whole(Whole::ClusterAdmin), text);
                }
                SubjectId::Group { .. } => add(whole(Whole::AnyGroup), node, "the group is one"),
            }
        }
        self.connect_workloads(all);
    }

    fn connect_workloads(&self, all: &mut Vec<Edge>) {
        let no_token: HashSet<(&str, &str)> = self
            .snapshot
            .of("", "ServiceAccount")
            .filter(|object| {
                let view = object.view::<ServiceAccount>();
                view.is_ok_and(|account| account.automount_service_account_token == Some(false))
            })
            .map(|object| (object.namespace_or_default(), object.name.as_str()))
            .collect();
        for (index, workload) in self.workloads.iter().enumerate() {
            let node = self.id(Node::Workload(number(index)));
            let (namespace, account) = (workload.namespace(), workload.service_account());
            let number = self.namespace(Some(namespace));
            let structure = |from, to, text| {
                let via = Via::Structure(text);
                Edge { from, to, via, namespace: number }
            };
            let enter = self.id(Node::Hub(Hub::EnterPods, number));
            all.push(structure(enter, node, "its pods are among them"));
            let root = self.id(Node::Whole(Whole::NodeRoot));
            all.push(structure(root, node, "root on a node is in every pod there"));
            if has_token(workload, no_token.contains(&(namespace, account))) {
                let id = SubjectId::account(namespace, account);
                let subject = self.access.index.get(&id).copied();
                let to = subject.map(|subject| self.id(Node::Subject(subject)));
                let text = "its pods hold a token of the account";
                all.extend(to.map(|to| structure(node, to, text)));
            }
            if node_escape(workload).is_some() {
                all.push(Edge { from: node, to: root, via: Via::Field, namespace: number });
            }
        }
    }

    /// The node of a grant, a new one if there is none.
    pub(super) fn grant(&mut self, role: u32, namespace: u32) -> u32 {
        if !self.grant_index.contains_key(&(role, namespace)) {
            self.grant_index.insert((role, namespace), number(self.grants.len()));
            self.grants.push((role, namespace));
        }
        self.id(Node::Grant(role, namespace))
    }

    pub(super) fn id(&self, node: Node) -> u32 {
        let workloads = number(self.access.subjects.len());
        let hubs = workloads + number(self.workloads.len());
        let wholes = hubs + number(self.namespaces.len() * Hub::ALL.len());
        let grants = wholes + number(Whole::ALL.len());
        match node {
            Node::Subject(subject) => subject,
            Node::Workload(workload) => workloads + workload,
            Node::Hub(hub, namespace) => hubs + namespace * number(Hub::ALL.len()) + hub as u32,
            Node::Whole(whole) => wholes + whole as u32,
            Node::Grant(role, namespace) => {
                grants + self.grant_index.get(&(role, namespace)).copied().unwrap_or_default()
            }
        }
    }

    pub(super) fn node(&self, id: u32) -> Node {
        let workloads = number(self.access.subjects.len());
        let hubs = workloads + number(self.workloads.len());
        let each = number(Hub::ALL.len());
        let wholes = hubs + number(self.namespaces.len()) * each;
        let grants = wholes + number(Whole::ALL.len());
        if id < workloads {
            Node::Subject(id)
        } else if id < hubs {
            Node::Workload(id - workloads)
        } else if id < wholes {
            let (namespace, hub) = ((id - hubs) / each, (id - hubs) % each);
            Node::Hub(Hub::ALL[place(hub)], namespace)
        } else if id < grants {
            Node::Whole(Whole::ALL[place(id - wholes)])
        } else {
            let (role, namespace) = self.grants[place(id - grants)];
            Node::Grant(role, namespace)
        }
    }

    pub(super) fn size(&self) -> usize {
        place(self.id(Node::Whole(Whole::Tamper))) + 1 + self.grants.len()
    }

    /// How reports call a node.
    pub(super) fn title(&self, id: u32) -> String {
        let within = |namespace: u32| match namespace {
            0 => "in every namespace".to_owned(),
            _ => format!("in {}", self.namespaces[place(namespace)]),
        };
        match self.node(id) {
            Node::Subject(subject) => self.access.subjects[place(subject)].to_string(),
            Node::Workload(workload) => self.workloads[place(workload)].object.title(),
            Node::Hub(hub, namespace) => match hub {
                Hub::Everything => format!("everything {}", within(namespace)),
                Hub::RunPods => format!("any pod {}", within(namespace)),
                Hub::EnterPods => format!("the pods {}", within(namespace)),
                Hub::ReadSecrets => format!("the secrets {}", within(namespace)),
                Hub::Accounts => format!("the accounts {}", within(namespace)),
            },
            Node::Whole(whole) => match whole {
                Whole::ClusterAdmin => "cluster-admin".into(),
                Whole::NodeRoot => "root on a node".into(),
                Whole::AnyUser => "any user".into(),
                Whole::AnyGroup => "any group".into(),
                Whole::Tamper => "traffic or objects of others".into(),
            },
            Node::Grant(role, namespace) => {
                format!("{} {}", self.access.roles[place(role)].title(), within(namespace))
            }
        }
    }
}

/// Whether the pods of a workload hold a token of their account.
fn has_token(workload: &Workload<'_>, account_says_no: bool) -> bool {
    let projected = workload.spec.volumes.iter().any(|volume| {
        let sources = volume.source("projected").and_then(|source| source.get("sources"));
        sources.and_then(|sources| sources.as_array()).is_some_and(|sources| {
            sources.iter().any(|source| source.get("serviceAccountToken").is_some())
        })
    });
    projected || workload.spec.automount_service_account_token.unwrap_or(!account_says_no)
}
