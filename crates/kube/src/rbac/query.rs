use super::{
    Access, Request, RoleKind, SubjectId, Target,
    access::{Bound, number, place},
    implicit_groups, rule_allows,
};
use crate::api::PolicyRule;

/// The group that the server asks no rule about.
pub(super) const MASTERS: &str = "system:masters";

/// Why somebody may do something.
#[derive(Debug, Clone)]
pub struct Grant<'a> {
    /// Who.
    pub subject: &'a SubjectId,
    /// The binding that gives the role.
    pub binding: &'a Bound,
    /// Title of the role that has the rule; for an aggregated one, not the role that is bound.
    pub role: String,
    /// The rule.
    pub rule: &'a PolicyRule,
}

/// A rule that a subject has, and where it holds.
#[derive(Debug, Clone)]
pub struct Granted<'a> {
    /// Who has it: the subject itself or a group that it is in.
    pub through: SubjectId,
    /// The binding that gives the role.
    pub binding: &'a Bound,
    /// Title of the role that has the rule.
    pub role: String,
    /// The rule.
    pub rule: &'a PolicyRule,
}

impl Access {
    /// Everybody who may do `request` by a rule, each with the first binding that lets it. The group
    /// `system:masters` may always; it is not in the list unless a binding names it.
    pub fn who_can<'a>(&'a self, request: &Request) -> Vec<Grant<'a>> {
        let mut by_role: Vec<Option<(u32, usize)>> = vec![None; self.roles.len()];
        let mut reached = Vec::new();
        for (index, role) in self.roles.iter().enumerate() {
            let matching = role.rules.iter().position(|rule| rule_allows(rule, request));
            if let Some(rule) = matching {
                by_role[index] = Some((number(index), rule));
                reached.push(number(index));
            }
        }
        // Roles that take over a matching one match, too.
        while let Some(role) = reached.pop() {
            for taker in &self.aggregators[place(role)] {
                if by_role[place(*taker)].is_none() {
                    by_role[place(*taker)] = by_role[place(role)];
                    reached.push(*taker);
                }
            }
        }
        let mut grants = Vec::new();
        let mut seen = vec![false; self.subjects.len()];
        for binding in &self.bindings {
            let Some((owner, rule)) = by_role[place(binding.role)] else { continue };
            if !holds(binding, request) {
                continue;
            }
            let role = &self.roles[place(owner)];
            for subject in &binding.subjects {
                if !std::mem::replace(&mut seen[place(*subject)], true) {
                    grants.push(Grant {
                        subject: &self.subjects[place(*subject)],
                        binding,
                        role: role.title(),
                        rule: &role.rules[rule],
                    });
                }
            }
        }
        grants.sort_by_key(|grant| grant.subject.clone());
        grants
    }

    /// Whether `subject`, being in `groups` besides those that it is in anyway, may do `request`.
    pub fn allows(&self, subject: &SubjectId, groups: &[String], request: &Request) -> bool {
        self.identities(subject, groups).iter().any(|id| {
            let is_master = matches!(id, SubjectId::Group { name } if name == MASTERS);
            is_master
                || self.index.get(id).is_some_and(|index| {
                    self.bound[place(*index)].iter().any(|bound| {
                        let binding = &self.bindings[place(*bound)];
                        holds(binding, request)
                            && self.sources_of(binding.role).iter().any(|role| {
                                let rules = &self.roles[place(*role)].rules;
                                rules.iter().any(|rule| rule_allows(rule, request))
                            })
                    })
                })
        })
    }

    /// Every rule that `subject` has, being in `groups` besides those that it is in anyway.
    pub fn granted_to(&self, subject: &SubjectId, groups: &[String]) -> Vec<Granted<'_>> {
        let mut granted = Vec::new();
        for through in self.identities(subject, groups) {
            let Some(index) = self.index.get(&through) else { continue };
            for bound in &self.bound[place(*index)] {
                let binding = &self.bindings[place(*bound)];
                for role in self.sources_of(binding.role) {
                    let role = &self.roles[place(role)];
                    granted.extend(role.rules.iter().map(|rule| Granted {
                        through: through.clone(),
                        binding,
                        role: role.title(),
                        rule,
                    }));
                }
            }
        }
        granted
    }

    /// The rules that a binding gives, those included that its role takes over from others.
    pub fn rules_of<'a>(&'a self, binding: &Bound) -> Vec<&'a PolicyRule> {
        let sources = self.sources_of(binding.role);
        sources.into_iter().flat_map(|role| &self.roles[place(role)].rules).collect()
    }

    /// Whether a snapshot knows the subject: a binding names it, or it is an account that exists.
    pub fn knows(&self, subject: &SubjectId) -> bool {
        self.index.contains_key(subject)
    }

    fn identities(&self, subject: &SubjectId, groups: &[String]) -> Vec<SubjectId> {
        let mut names = implicit_groups(subject);
        names.extend(groups.iter().cloned());
        names.dedup();
        std::iter::once(subject.clone())
            .chain(names.iter().map(|name| SubjectId::group(name)))
            .collect()
    }
}

/// Whether a binding counts for a request: one in a namespace only for requests in it, and never for
/// paths.
fn holds(binding: &Bound, request: &Request) -> bool {
    match (&binding.namespace, &request.target) {
        (None, _) => true,
        (Some(own), Target::Resource { namespace: Some(namespace), .. }) => own == namespace,
        (Some(_), _) => false,
    }
}

impl RoleKind {
    /// Namespace of a Role.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::Cluster => None,
            Self::Namespaced(namespace) => Some(namespace),
        }
    }
}
