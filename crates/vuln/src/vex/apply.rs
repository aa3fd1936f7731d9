//! Statements put with findings: what they close, what they say of the rest, and what they are
//! about otherwise.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cofferdam_finding::{
    Context, Evidence, Finding, Gap, Package, Rule, Status, SuppressedFinding, UnmatchedStatement,
    VexStatement, VexUse,
};
use time::format_description::well_known::Rfc3339;

use super::{
    Document, Identifier, Statement,
    product::{Miss, Subject},
};
use crate::rules::VEX_NOT_UNDERSTOOD;

/// Statements that are about nothing in the report, as far as they are listed.
const UNMATCHED_TOLD: usize = 1000;
/// Statements that are put with a finding that stays open.
const SAID_OF_ONE: usize = 4;

/// What became of findings and statements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// What stays open, with what statements say of it.
    pub findings: Vec<Finding>,
    /// What a statement closes.
    pub suppressed: Vec<SuppressedFinding>,
    /// What could not be understood.
    pub gaps: Vec<Gap>,
    /// Numbers, and what was about nothing.
    pub used: VexUse,
}

/// Applies statements to findings about packages. `rules` have the other names of vulnerabilities,
/// `packages` is all that is installed in the subject.
///
/// Of several statements about one vulnerability of one package the newest counts; of equally new
/// ones that which does not close the finding. A finding is closed as far as its evidence is: what
/// is left stays open.
pub fn apply(
    findings: Vec<Finding>,
    rules: &[Rule],
    packages: &[Package],
    subject: &Subject,
    documents: &[Document],
) -> Applied {
    let mut statements = Statements::of(documents);
    let mut applied = Applied { gaps: gaps(documents), ..Applied::default() };
    let names = other_names(rules);
    let by_purl: HashMap<&str, &Package> =
        packages.iter().map(|package| (package.purl.as_str(), package)).collect();
    for finding in findings {
        let of_rule = names.get(finding.rule.as_ref()).into_iter().flatten().copied();
        let about: Vec<usize> = statements.about(of_rule.chain([finding.rule.as_ref()]));
        if finding.status != Status::Fail || about.is_empty() {
            applied.findings.push(finding);
            continue;
        }
        statements.judge(finding, &about, packages, &by_purl, subject, &mut applied);
    }
    applied.used = statements.used(documents);
    applied
}

/// The other names of vulnerabilities, by rule.
fn other_names(rules: &[Rule]) -> HashMap<&str, Vec<&str>> {
    let mut names: HashMap<&str, Vec<&str>> = HashMap::new();
    for rule in rules {
        let aliases = rule.references.iter().filter(|one| one.system == "alias");
        names.entry(&rule.id).or_default().extend(aliases.map(|one| one.id.as_ref()));
    }
    names
}

fn gaps(documents: &[Document]) -> Vec<Gap> {
    let gap = |object: String, why: String| Gap { rule: VEX_NOT_UNDERSTOOD.into(), object, why };
    let mut gaps = Vec::new();
    for document in documents {
        let name = &document.name;
        gaps.extend(
            document
                .problems
                .iter()
                .map(|problem| gap(format!("{name}: {}", problem.place), problem.why.clone())),
        );
        if document.untold > 0 {
            gaps.push(gap(name.clone(), format!("{} more cannot be used", document.untold)));
        }
    }
    gaps
}

/// All statements, found by the name of the vulnerability.
struct Statements<'a> {
    all: Vec<(&'a Document, &'a Statement)>,
    by_name: HashMap<String, Vec<usize>>,
    /// How near each came to a package that has its vulnerability.
    fate: BTreeMap<usize, Result<(), Miss>>,
}

impl<'a> Statements<'a> {
    fn of(documents: &'a [Document]) -> Self {
        let each = |document: &'a Document| document.statements.iter().map(move |s| (document, s));
        let all: Vec<(&Document, &Statement)> = documents.iter().flat_map(each).collect();
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, (_, statement)) in all.iter().enumerate() {
            for name in &statement.vulnerability {
                by_name.entry(name.to_ascii_uppercase()).or_default().push(index);
            }
        }
        Self { all, by_name, fate: BTreeMap::new() }
    }

    fn about<'b>(&self, names: impl Iterator<Item = &'b str>) -> Vec<usize> {
        let found = names.filter_map(|name| self.by_name.get(&name.to_ascii_uppercase()));
        let distinct: BTreeSet<usize> = found.flatten().copied().collect();
        distinct.into_iter().collect()
    }

    /// Closes the evidence that statements close, and keeps the rest.
    fn judge(
        &mut self,
        finding: Finding,
        about: &[usize],
        packages: &[Package],
        by_purl: &HashMap<&str, &Package>,
        subject: &Subject,
        to: &mut Applied,
    ) {
        let mut open: Vec<Evidence> = Vec::new();
        let mut closed: BTreeMap<usize, Vec<Evidence>> = BTreeMap::new();
        let mut said: BTreeSet<usize> = BTreeSet::new();
        for evidence in &finding.evidence {
            let package = evidence.package.as_ref();
            let package = package.and_then(|one| by_purl.get(one.purl.as_str()).copied());
            let last = package.and_then(|one| self.last_word(about, one, subject, packages));
            match last {
                Some(index) if self.all[index].1.status.closes() => {
                    closed.entry(index).or_default().push(evidence.clone());
                }
                last => {
                    said.extend(last);
                    open.push(evidence.clone());
                }
            }
        }
        for (index, evidence) in closed {
            to.suppressed.push(SuppressedFinding {
                finding: Finding { evidence, ..finding.clone() },
                statement: self.written(index),
            });
        }
        if !open.is_empty() || finding.evidence.is_empty() {
            let said: Vec<VexStatement> =
                said.into_iter().take(SAID_OF_ONE).map(|index| self.written(index)).collect();
            let mut finding = Finding { evidence: open, ..finding };
            if !said.is_empty() {
                finding.context.get_or_insert_with(|| Box::new(Context::default())).vex = said;
            }
            to.findings.push(finding);
        }
    }

    /// The statement that counts for a package: the newest, else the most careful.
    fn last_word(
        &mut self,
        about: &[usize],
        package: &Package,
        subject: &Subject,
        packages: &[Package],
    ) -> Option<usize> {
        let mut last: Option<usize> = None;
        for index in about.iter().copied() {
            let statement = self.all[index].1;
            let fate = statement.product.concerns(package, subject, packages);
            let known = self.fate.entry(index).or_insert(fate);
            if fate.is_ok() || (known.is_err() && fate > *known) {
                *known = fate;
            }
            if fate.is_err() {
                continue;
            }
            let is_later = |before: usize| {
                let before = self.all[before].1;
                let by_time = statement.timestamp.cmp(&before.timestamp);
                let by_care = before.status.closes().cmp(&statement.status.closes());
                by_time.then(by_care).is_gt()
            };
            if last.is_none_or(is_later) {
                last = Some(index);
            }
        }
        last
    }

    fn written(&self, index: usize) -> VexStatement {
        let (document, statement) = self.all[index];
        VexStatement {
            document: document.name.clone(),
            vulnerability: statement.vulnerability[0].clone(),
            product: product(statement),
            status: statement.status,
            justification: statement.justification.clone(),
            detail: statement.detail.clone(),
            timestamp: statement.timestamp.and_then(|time| time.format(&Rfc3339).ok()),
        }
    }

    fn used(&self, documents: &[Document]) -> VexUse {
        let matched = self.fate.values().filter(|fate| fate.is_ok()).count();
        let near = self.fate.iter().filter_map(|(index, fate)| Some((*index, fate.err()?.why())));
        let others = (0..self.all.len())
            .filter(|index| !self.fate.contains_key(index))
            .map(|index| (index, "the report has no finding of this vulnerability"));
        let unmatched = near.chain(others).take(UNMATCHED_TOLD);
        VexUse {
            documents: documents.iter().map(|document| document.name.clone()).collect(),
            statements: self.all.len(),
            matched,
            unmatched: unmatched
                .map(|(index, why)| UnmatchedStatement {
                    statement: self.written(index),
                    why: why.to_owned(),
                })
                .collect(),
        }
    }
}

/// The product and its component, as they are named.
fn product(statement: &Statement) -> String {
    let name = |identifiers: &[Identifier]| {
        identifiers.first().map_or_else(String::new, |identifier| match identifier {
            Identifier::Purl(purl) => purl.to_string(),
            Identifier::Hash(text) | Identifier::Text(text) => text.clone(),
            Identifier::Cpe(cpe) => format!("{} {} {}", cpe.vendor, cpe.product, cpe.version),
        })
    };
    let product = &statement.product;
    let mut text = name(&product.identifiers);
    if !product.component.is_empty() {
        text = format!("{} in {text}", name(&product.component));
    }
    if let Some(range) = &product.range {
        text.push_str(&format!(" ({range})"));
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use cofferdam_finding::VexStatus;

    #[test]
    fn only_two_of_four_close_a_finding() {
        let all = [
            VexStatus::Affected,
            VexStatus::UnderInvestigation,
            VexStatus::Fixed,
            VexStatus::NotAffected,
        ];
        assert_eq!(all.map(VexStatus::closes), [false, false, true, true]);
    }
}
