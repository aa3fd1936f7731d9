use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::{
    Applicability, Evidence, Finding, Fingerprint, Fix, Reference, Rule, Severity, Status, Topic,
};
use serde::Serialize;

use super::{
    Options, Paths,
    cut::{self, Cut},
    escape::node_escape,
    graph::{Edge, Graph, Node, Via},
    permission::{Permission, gives},
    search::{Backwards, Ways},
    technique::{Hub, TECHNIQUES, Whole},
};
use crate::{
    api::PolicyRule,
    rbac::{
        SubjectId,
        access::{number, place},
    },
};

/// Paths for which a cut is looked for: each takes a search of its own.
const CUTS_LIMIT: usize = 100;

/// Where a path ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sink {
    /// Everything in the cluster.
    ClusterAdmin,
    /// Root on a node.
    NodeRoot,
    /// The secrets of every namespace.
    AllSecrets,
    /// A namespace of another tenant.
    Tenant(String),
    /// Traffic or objects of others.
    Tamper,
}

/// A way from somebody to a power.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Path {
    /// Where it ends.
    pub sink: Sink,
    /// How bad that is, for those who can go it.
    pub severity: Severity,
    /// Who can go it, by the same permission: subjects and workloads.
    pub sources: Vec<String>,
    /// The steps of the first of them.
    pub hops: Vec<Hop>,
    /// What closes it, for the first of them; none if it was not looked for.
    pub cut: Option<Cut>,
    /// What finds this path again in another run: the object that gives the first step.
    pub cause: String,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hop {
    /// Where it begins.
    pub from: String,
    /// What is done or used: `can create pods`, `a pod can name any account beside it`.
    pub does: String,
    /// Where it leads.
    pub to: String,
    /// What permits it.
    pub because: Vec<Because>,
}

/// What permits a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Because {
    /// The binding, or the workload.
    pub object: String,
    /// Where that stands.
    pub place: String,
    /// The role that has the rule; empty for a workload.
    pub role: String,
    /// The rule, or the field and its value.
    pub rule: String,
}

/// A rule of a binding that permits a step, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grounds {
    pub(super) subject: u32,
    pub(super) binding: u32,
    role: u32,
    rule: usize,
}

/// Groups in which everybody is, or everybody who is in some namespace.
fn is_everybody(subject: &SubjectId) -> bool {
    match subject {
        SubjectId::Group { name } => {
            matches!(
                name.as_str(),
                "system:authenticated" | "system:unauthenticated" | "system:serviceaccounts"
            ) || name.starts_with("system:serviceaccounts:")
        }
        SubjectId::User { name } => name == "system:anonymous",
        SubjectId::ServiceAccount { .. } => false,
    }
}

/// Names that the server and its controllers have.
fn is_control_plane(subject: &SubjectId) -> bool {
    match subject {
        SubjectId::User { name } | SubjectId::Group { name } => {
            name.starts_with("system:") && !is_everybody(subject)
        }
        SubjectId::ServiceAccount { namespace, .. } => namespace == "kube-system",
    }
}

/// All paths, one a cause, the worst first.
pub(super) fn paths(graph: &mut Graph<'_>, options: &Options) -> Paths {
    let mut found = Paths { nodes: graph.size(), edges: graph.edges.len(), ..Paths::default() };
    let backwards = Backwards::new(graph);
    let mut done = vec![false; graph.size()];
    let mut rows = Vec::new();
    for (sink, goals) in sinks(graph) {
        let ways = backwards.from(graph, &goals);
        let (told, trusted) = causes(graph, &sink, &ways, &mut done, options);
        found.trusted += trusted;
        for sources in told.into_values() {
            rows.push(row(graph, &sink, &goals, &ways, &sources));
        }
    }
    rows.sort_by(|a, b| {
        let key = |row: &Row| (std::cmp::Reverse(row.path.severity), row.path.sink.clone());
        (key(a), &row_name(a)).cmp(&(key(b), &row_name(b)))
    });
    for row in rows.iter_mut().take(CUTS_LIMIT) {
        row.path.cut = Some(cut::shortest(graph, row.first, &row.goals, &row.edges));
    }
    found.paths = rows.into_iter().map(|row| row.path).collect();
    found
}

fn row_name(row: &Row) -> (String, Vec<String>) {
    (row.path.cause.clone(), row.path.sources.clone())
}

/// A path with what a cut needs.
struct Row {
    path: Path,
    first: u32,
    goals: Vec<u32>,
    edges: Vec<Edge>,
}

fn sinks(graph: &Graph<'_>) -> Vec<(Sink, Vec<u32>)> {
    let whole = |whole: Whole| vec![graph.id(Node::Whole(whole))];
    let mut sinks = vec![
        (Sink::ClusterAdmin, whole(Whole::ClusterAdmin)),
        (Sink::NodeRoot, whole(Whole::NodeRoot)),
        (Sink::AllSecrets, vec![graph.id(Node::Hub(Hub::ReadSecrets, 0))]),
    ];
    let mut tenants: BTreeMap<&String, Vec<u32>> = BTreeMap::new();
    for (namespace, tenant) in graph.tenants.iter().enumerate() {
        let Some(tenant) = tenant else { continue };
        let hubs = Hub::ALL.map(|hub| graph.id(Node::Hub(hub, number(namespace))));
        tenants.entry(tenant).or_default().extend(hubs);
    }
    sinks.extend(tenants.into_iter().map(|(name, goals)| (Sink::Tenant(name.clone()), goals)));
    sinks.push((Sink::Tamper, whole(Whole::Tamper)));
    sinks
}

/// What makes paths one row: the first step and what gives it.
type Cause = (u32, u16, u32, Option<u32>);

/// Everybody with a way to the sink who has none to a worse one, by the first step; and how many of
/// the control plane are left out.
fn causes(
    graph: &Graph<'_>,
    sink: &Sink,
    ways: &Ways,
    done: &mut [bool],
    options: &Options,
) -> (BTreeMap<Cause, Vec<u32>>, usize) {
    let mut told: BTreeMap<Cause, Vec<u32>> = BTreeMap::new();
    let mut trusted = 0;
    let sources = graph.access.subjects.len() + graph.workloads.len();
    for source in 0..number(sources) {
        let Some(edge) = ways.first(graph, source).filter(|_| !done[place(source)]) else {
            continue;
        };
        if is_at_home(graph, sink, source) {
            continue;
        }
        done[place(source)] = true;
        let step = match edge.via {
            // The group, the account or the namespace has a row of its own.
            Via::Group | Via::Structure(_) => continue,
            Via::Technique(index) => index,
            Via::Named(permission, _) => 1000 + u16::from(permission as u8),
            Via::Field => u16::MAX,
        };
        let binding = explain(graph, &edge).first().map(|grounds| grounds.binding);
        if !options.control_plane && is_trusted(graph, source, binding) {
            trusted += 1;
            continue;
        }
        // A field is the cause of one workload alone.
        let binding = if edge.via == Via::Field { Some(source) } else { binding };
        told.entry((edge.to, step, edge.namespace, binding)).or_default().push(source);
    }
    (told, trusted)
}

/// Whether a source is in the tenant that is the sink: its own namespaces are no goal.
fn is_at_home(graph: &Graph<'_>, sink: &Sink, source: u32) -> bool {
    let Sink::Tenant(tenant) = sink else { return false };
    let namespace = match graph.node(source) {
        Node::Subject(subject) => match &graph.access.subjects[place(subject)] {
            SubjectId::ServiceAccount { namespace, .. } => namespace.as_str(),
            // People are not in a namespace: whose they are nobody says.
            _ => return true,
        },
        Node::Workload(workload) => graph.workloads[place(workload)].namespace(),
        _ => return true,
    };
    let own = graph.tenants[place(graph.namespace(Some(namespace)))].as_ref();
    own.is_none_or(|own| own == tenant)
}

fn is_trusted(graph: &Graph<'_>, source: u32, binding: Option<u32>) -> bool {
    let Node::Subject(subject) = graph.node(source) else { return false };
    is_control_plane(&graph.access.subjects[place(subject)])
        && binding.is_some_and(|binding| graph.is_bootstrap[place(binding)])
}

fn row(graph: &Graph<'_>, sink: &Sink, goals: &[u32], ways: &Ways, sources: &[u32]) -> Row {
    let first = sources[0];
    let edges = ways.path(graph, first);
    let hops: Vec<Hop> = edges.iter().map(|edge| hop(graph, edge)).collect();
    let runs = workloads_of(graph, sources);
    let source = |node: &u32| match runs.get(node) {
        Some(workloads) => format!("{} ({workloads})", graph.title(*node)),
        None => graph.title(*node),
    };
    let cause = hops.first().and_then(|hop| hop.because.first());
    let path = Path {
        sink: sink.clone(),
        severity: severity(graph, sink, first, &edges),
        sources: sources.iter().map(source).collect(),
        cause: cause.map_or_else(|| graph.title(first), |because| because.object.clone()),
        hops,
        cut: None,
    };
    Row { path, first, goals: goals.to_vec(), edges }
}

/// What runs as the accounts among `sources`.
fn workloads_of(graph: &Graph<'_>, sources: &[u32]) -> BTreeMap<u32, String> {
    /// Workloads that are named; the others are counted.
    const NAMED: usize = 3;
    let wanted: BTreeSet<u32> = sources.iter().copied().collect();
    let mut by_account: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for workload in graph.workloads {
        let id = SubjectId::account(workload.namespace(), workload.service_account());
        let subject = graph.access.index.get(&id).filter(|subject| wanted.contains(subject));
        if let Some(subject) = subject {
            by_account.entry(*subject).or_default().push(workload.object.title());
        }
    }
    let text = |titles: Vec<String>| {
        let more = titles.len().saturating_sub(NAMED);
        let named = titles.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{named} and {more} more") } else { named }
    };
    by_account.into_iter().map(|(subject, titles)| (subject, text(titles))).collect()
}

fn severity(graph: &Graph<'_>, sink: &Sink, source: u32, edges: &[Edge]) -> Severity {
    let node = graph.node(source);
    let subject = match node {
        Node::Subject(subject) => Some(&graph.access.subjects[place(subject)]),
        _ => None,
    };
    let is_person = !matches!(subject, None | Some(SubjectId::ServiceAccount { .. }));
    let holds_it = edges.len() == 1
        && matches!(edges[0].via, Via::Technique(index) if TECHNIQUES[usize::from(index)].needs == [Permission::Everything]);
    let of_the_cluster = match node {
        Node::Workload(workload) => graph.workloads[place(workload)].namespace() == "kube-system",
        _ => subject.is_some_and(is_control_plane),
    };
    match sink {
        Sink::Tamper if subject.is_some_and(is_everybody) => Severity::Medium,
        Sink::Tamper => Severity::Low,
        Sink::Tenant(_) => Severity::High,
        _ if subject.is_some_and(is_everybody) => Severity::Critical,
        // Somebody has to be the administrator.
        Sink::ClusterAdmin if holds_it && is_person => Severity::Low,
        Sink::NodeRoot if of_the_cluster => Severity::Low,
        Sink::AllSecrets if is_person => Severity::Medium,
        _ => Severity::High,
    }
}

fn hop(graph: &Graph<'_>, edge: &Edge) -> Hop {
    let does = match edge.via {
        Via::Technique(index) => format!("can {}", TECHNIQUES[usize::from(index)].text),
        Via::Named(_, text) => format!("can {text}"),
        Via::Group => "is a member".to_owned(),
        Via::Structure(text) => text.to_owned(),
        Via::Field => "is not confined".to_owned(),
    };
    Hop {
        from: graph.title(edge.from),
        does,
        to: graph.title(edge.to),
        because: because(graph, edge),
    }
}

fn because(graph: &Graph<'_>, edge: &Edge) -> Vec<Because> {
    let place_of = |object: usize| graph.snapshot.place(graph.snapshot.objects[object].source);
    match (edge.via, graph.node(edge.from)) {
        (Via::Field, Node::Workload(workload)) => {
            let workload = &graph.workloads[place(workload)];
            let (field, value) = node_escape(workload).unwrap_or_default();
            vec![Because {
                object: workload.object.title(),
                place: graph.snapshot.place(workload.object.source),
                role: String::new(),
                rule: format!("{field} is {value}"),
            }]
        }
        (Via::Technique(_) | Via::Named(..), Node::Grant(role, _)) => {
            let entry = &graph.access.roles[place(role)];
            let rules = needs(graph, edge).into_iter().filter_map(|(permission, name)| {
                find_rule(graph, role, permission, name.as_deref())
            });
            rules
                .map(|(role, rule)| Because {
                    object: entry.title(),
                    place: place_of(entry.object),
                    role: graph.access.roles[place(role)].title(),
                    rule: shown(&graph.access.roles[place(role)].rules[rule]),
                })
                .collect()
        }
        _ => explain(graph, edge)
            .into_iter()
            .map(|grounds| {
                let binding = &graph.access.bindings[place(grounds.binding)];
                let role = &graph.access.roles[place(grounds.role)];
                Because {
                    object: binding.title(),
                    place: place_of(binding.object),
                    role: role.title(),
                    rule: shown(&role.rules[grounds.rule]),
                }
            })
            .collect(),
    }
}

/// The permissions that an edge rests on, with the name where one matters.
fn needs(graph: &Graph<'_>, edge: &Edge) -> Vec<(Permission, Option<String>)> {
    match edge.via {
        Via::Technique(index) => {
            TECHNIQUES[usize::from(index)].needs.iter().map(|one| (*one, None)).collect()
        }
        Via::Named(permission, _) => {
            let name = match graph.node(edge.to) {
                Node::Subject(subject) => match &graph.access.subjects[place(subject)] {
                    SubjectId::User { name }
                    | SubjectId::Group { name }
                    | SubjectId::ServiceAccount { name, .. } => Some(name.clone()),
                },
                Node::Grant(role, _) => Some(graph.access.roles[place(role)].name.clone()),
                Node::Workload(workload) => {
                    Some(graph.workloads[place(workload)].object.name.clone())
                }
                _ => None,
            };
            // A secret is named otherwise than the account whose token it holds.
            let is_secret = matches!(permission, Permission::GetSecrets | Permission::ListSecrets);
            vec![(permission, name.filter(|_| !is_secret))]
        }
        _ => Vec::new(),
    }
}

/// The rules of bindings on which an edge of a subject rests: one for each permission it needs.
pub(super) fn explain(graph: &Graph<'_>, edge: &Edge) -> Vec<Grounds> {
    let Node::Subject(subject) = graph.node(edge.from) else { return Vec::new() };
    let mut grounds: Vec<Grounds> = Vec::new();
    for (permission, name) in needs(graph, edge) {
        let identities =
            std::iter::once(subject).chain(graph.groups[place(subject)].iter().copied());
        let found = identities.flat_map(|one| {
            graph.access.bound[place(one)].iter().map(move |binding| (one, *binding))
        });
        let mut found = found.filter(|(_, binding)| {
            let binding = &graph.access.bindings[place(*binding)];
            let within = graph.namespace(binding.namespace.as_deref());
            let counts = permission.bit() & super::permission::CLUSTER_SCOPED == 0;
            within == 0 || (within == edge.namespace && counts)
        });
        let first = found.find_map(|(subject, binding)| {
            let bound = graph.access.bindings[place(binding)].role;
            let (role, rule) = find_rule(graph, bound, permission, name.as_deref())?;
            Some(Grounds { subject, binding, role, rule })
        });
        grounds.extend(first.filter(|one| !grounds.contains(one)));
    }
    grounds
}

/// The rule of a role, or of one that it aggregates, that gives a permission.
fn find_rule(
    graph: &Graph<'_>,
    role: u32,
    permission: Permission,
    name: Option<&str>,
) -> Option<(u32, usize)> {
    let fold = &graph.folds[place(role)];
    let folded =
        fold.any & permission.bit() != 0 || fold.named.iter().any(|(one, _)| *one == permission);
    if !folded {
        return None;
    }
    graph.access.sources_of(role).into_iter().find_map(|source| {
        let rules = &graph.access.roles[place(source)].rules;
        let rule = rules.iter().position(|rule| gives(rule, permission, name))?;
        Some((source, rule))
    })
}

/// A rule in one line: `create pods, pods/exec of "", apps`.
fn shown(rule: &PolicyRule) -> String {
    let list = |words: &[String]| words.join(",");
    let groups = rule.api_groups.iter().filter(|group| !group.is_empty());
    let groups: Vec<String> = groups.cloned().collect();
    let mut text = format!("{} {}", list(&rule.verbs), list(&rule.resources));
    if !groups.is_empty() {
        text = format!("{text} ({})", groups.join(","));
    }
    if !rule.resource_names.is_empty() {
        text = format!("{text} named {}", list(&rule.resource_names));
    }
    text
}

impl Sink {
    fn rule(&self) -> &'static Rule {
        let index = match self {
            Self::ClusterAdmin => 0,
            Self::NodeRoot => 1,
            Self::AllSecrets => 2,
            Self::Tenant(_) => 3,
            Self::Tamper => 4,
        };
        &RULES[index]
    }

    /// What whoever gets there has.
    pub fn title(&self) -> String {
        match self {
            Self::ClusterAdmin => "cluster-admin".into(),
            Self::NodeRoot => "root on a node".into(),
            Self::AllSecrets => "the secrets of every namespace".into(),
            Self::Tenant(name) => format!("the namespaces of tenant {name}"),
            Self::Tamper => "traffic or objects of others".into(),
        }
    }
}

impl Path {
    /// One line: who gets where, in how many steps.
    pub fn title(&self) -> String {
        let first = self.sources.first().map_or("", String::as_str);
        let more = match self.sources.len() {
            0 | 1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let steps = match self.hops.len() {
            1 => "1 step".to_owned(),
            count => format!("{count} steps"),
        };
        format!("{first}{more}: {steps} to {}", self.sink.title())
    }

    /// The path as a finding.
    pub fn finding(&self) -> Finding {
        let rule = self.sink.rule();
        let mut evidence: Vec<Evidence> = self.hops.iter().map(Hop::evidence).collect();
        if self.sources.len() > 1 {
            evidence.push(Evidence {
                location: "others with the same path".into(),
                saw: self.sources[1..].join(", "),
                ..Evidence::default()
            });
        }
        let first = self.hops.first().map_or("", |hop| &hop.does);
        Finding {
            rule: rule.id.clone(),
            subject: self.cause.clone(),
            title: self.title(),
            status: Status::Fail,
            severity: self.severity,
            evidence,
            fix: self.cut.as_ref().map(Cut::fix),
            context: None,
            fingerprint: Fingerprint::of(&rule.id, &format!("{} {first}", self.cause)),
        }
    }
}

impl Hop {
    /// The step in one line.
    pub fn text(&self) -> String {
        let Self { from, does, to, .. } = self;
        // What follows from how a cluster works is not done by anybody.
        if self.because.is_empty() {
            format!("{from} ({does}): {to}")
        } else {
            format!("{from} {does}: {to}")
        }
    }

    fn evidence(&self) -> Evidence {
        let because = self.because.iter().map(|one| match one.role.as_str() {
            "" => one.rule.clone(),
            role => format!("{} gives {role}: {}", one.object, one.rule),
        });
        let because: Vec<String> = because.collect();
        let reason =
            if because.is_empty() { String::new() } else { format!(" [{}]", because.join("; ")) };
        Evidence {
            location: self.because.first().map_or_else(String::new, |one| one.place.clone()),
            saw: format!("{}{reason}", self.text()),
            ..Evidence::default()
        }
    }
}

impl Cut {
    fn fix(&self) -> Fix {
        let steps: Vec<&str> = self.removals.iter().map(|one| one.patch.as_str()).collect();
        let proven = if self.proven { "closes every way" } else { "closes this way, not all" };
        Fix {
            summary: format!("{} ({proven})", steps.join("; ")),
            edits: Vec::new(),
            applicability: Applicability::Unsafe,
        }
    }
}

static REFERENCES: &[Reference] = &[
    Reference::new("URL", "https://kubernetes.io/docs/concepts/security/rbac-good-practices/"),
    Reference::new("CIS Kubernetes", "5.1"),
    Reference::new("NIST SP 800-190", "3.3.1"),
];

/// The rules of attack paths, by sink.
pub static RULES: &[Rule] = &[
    rule(
        "kube-path-cluster-admin",
        "Somebody can become cluster-admin",
        Severity::High,
        "From what a user, group, service account or workload may do, a way leads to everything in \
         the cluster: it has that right, can give it to itself, or can become somebody who has it. \
         Each step is told with the rule that permits it.",
        "One stolen token or one compromised pod is then the whole cluster.",
        "Apply the cut that is given: it is the smallest that was found, and the search was made \
         again without it. Give the workload that needs the permission a narrower one: verbs and \
         resources by name, in its own namespace.",
    ),
    rule(
        "kube-path-node-root",
        "Somebody can become root on a node",
        Severity::High,
        "A workload is not confined (privileged, a path of its node, a capability that is as good), \
         or somebody can run or enter one that is not.",
        "Root on a node has the files, secrets and tokens of every pod on it.",
        "Confine the workload; let namespaces enforce the Pod Security level baseline or restricted; \
         keep what has to be privileged in a namespace where few may create or enter pods.",
    ),
    rule(
        "kube-path-all-secrets",
        "Somebody can read the secrets of every namespace",
        Severity::High,
        "A permission to read secrets, or to run pods that mount them, holds in all namespaces.",
        "Passwords, keys and tokens of all applications are among them.",
        "Bind the role in the namespaces where it is needed, and name the secrets.",
    ),
    rule(
        "kube-path-tenant",
        "A tenant can get into another one's namespace",
        Severity::High,
        "From a service account or workload of one tenant a way leads to running or entering pods, \
         reading secrets or using accounts in a namespace of another.",
        "What separates tenants is then that nobody tries.",
        "Apply the cut that is given; bind roles within the namespaces of one tenant only.",
    ),
    rule(
        "kube-path-tamper",
        "Somebody can see or change traffic or objects of others",
        Severity::Low,
        "A permission over the whole cluster lets somebody take the traffic of services, answer in \
         place of the API server, or see or refuse what others write.",
        "It is a step from there to the tokens and secrets that travel.",
        "Take the permission away from whoever is no part of the cluster's own machinery.",
    ),
];

const fn rule(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    what: &'static str,
    why: &'static str,
    fix: &'static str,
) -> Rule {
    Rule::new(id, title, severity, Topic::Access, [what, why, fix], REFERENCES)
}
