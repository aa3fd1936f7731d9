//! Statements that a report amounts to: OpenVEX 0.2.0, and CycloneDX 1.6 with nothing but
//! vulnerabilities.
//!
//! Matching a version with an advisory is no analysis: what is open is under investigation. What
//! somebody has decided about is stated as decided: a waiver with a justification is "not affected",
//! one without is "affected", and lived with; what a statement has closed is said again.

use std::collections::BTreeMap;

use cofferdam_finding::{
    Finding, PackageEvidence, Report, Status, VexStatement, VexStatus, Waiver,
};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// One thing to say: a vulnerability, the package that is meant, and what is the case.
struct Said<'a> {
    finding: &'a Finding,
    package: &'a PackageEvidence,
    status: VexStatus,
    justification: Option<&'a str>,
    /// Why, or what to do.
    detail: String,
    /// Whether nothing will be done.
    is_accepted: bool,
}

fn all(report: &Report) -> Vec<Said<'_>> {
    let decision = &report.decision;
    let mut said = Vec::new();
    for finding in decision.findings.iter().chain(&decision.known) {
        said.extend(of(finding, |package| Said {
            finding,
            package,
            status: VexStatus::UnderInvestigation,
            justification: None,
            detail: open(package),
            is_accepted: false,
        }));
    }
    for waived in &decision.waived {
        said.extend(of(&waived.finding, |package| {
            of_waiver(&waived.finding, package, &waived.waiver)
        }));
    }
    for closed in &decision.suppressed {
        said.extend(of(&closed.finding, |package| {
            of_statement(&closed.finding, package, &closed.statement)
        }));
    }
    said
}

/// What to say of each package of a vulnerability.
fn of<'a>(
    finding: &'a Finding,
    say: impl Fn(&'a PackageEvidence) -> Said<'a> + 'a,
) -> impl Iterator<Item = Said<'a>> + 'a {
    let is_open = finding.status == Status::Fail;
    let packages = finding.evidence.iter().filter_map(|evidence| evidence.package.as_ref());
    packages.filter(move |_| is_open).map(say)
}

fn open(package: &PackageEvidence) -> String {
    let fixed = match &package.fixed_version {
        Some(fixed) => format!("fixed in {fixed}"),
        None => "no fix is known".to_owned(),
    };
    format!("matched by version: {} ({}); {fixed}", package.version, package.advisory)
}

fn of_waiver<'a>(
    finding: &'a Finding,
    package: &'a PackageEvidence,
    waiver: &'a Waiver,
) -> Said<'a> {
    let justification = waiver.justification.as_deref();
    let status = match justification {
        Some(_) => VexStatus::NotAffected,
        None => VexStatus::Affected,
    };
    let Waiver { reason, owner, .. } = waiver;
    let detail = format!("{reason} ({owner}, until {})", waiver.last_day());
    Said { finding, package, status, justification, detail, is_accepted: true }
}

fn of_statement<'a>(
    finding: &'a Finding,
    package: &'a PackageEvidence,
    statement: &'a VexStatement,
) -> Said<'a> {
    Said {
        finding,
        package,
        status: statement.status,
        justification: statement.justification.as_deref(),
        detail: statement
            .detail
            .clone()
            .unwrap_or_else(|| format!("as {} says", statement.document)),
        is_accepted: false,
    }
}

/// How the target is named as a product: as an image by its digest where it has one.
fn product(report: &Report) -> String {
    let target = &report.target;
    let Some(digest) = &target.digest else { return target.name.clone() };
    let bare = target.name.split_once(':').map_or(target.name.as_str(), |(kind, rest)| match kind
        .chars()
        .all(|c| c.is_ascii_lowercase() || c == '-')
    {
        true => rest,
        false => target.name.as_str(),
    });
    let path = bare.split('@').next().unwrap_or(bare).trim_end_matches('/');
    let last = path.rsplit('/').next().unwrap_or(path);
    let name = last.split(':').next().unwrap_or(last);
    let name = if name.is_empty() { "image" } else { name };
    crate::purl::image(name, digest)
}

/// The report as an OpenVEX document. The same report gives the same document.
pub fn openvex(report: &Report) -> impl Serialize {
    let product = product(report);
    let mut statements: Vec<Value> = Vec::new();
    for (said, packages) in grouped(all(report)) {
        let parts: Vec<Value> =
            packages.iter().map(|package| json!({ "@id": package.purl })).collect();
        let mut statement = json!({
            "vulnerability": { "name": said.finding.rule },
            "products": [{ "@id": product, "subcomponents": parts }],
            "status": said.status.name(),
        });
        let text = match said.status {
            VexStatus::NotAffected => "impact_statement",
            VexStatus::Affected => "action_statement",
            VexStatus::Fixed | VexStatus::UnderInvestigation => "status_notes",
        };
        statement[text] = json!(said.detail);
        if let Some(justification) = said.justification.filter(|one| is_label(one)) {
            statement["justification"] = json!(justification);
        }
        statements.push(statement);
    }
    let mut document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "",
        "author": report.tool.name,
        "role": "Scanner",
        "tooling": format!("{} {}", report.tool.name, report.tool.version),
        "timestamp": report.created,
        "version": 1,
        "statements": statements,
    });
    let digest = Sha256::digest(document.to_string().as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    document["@id"] = json!(format!("https://openvex.dev/docs/public/vex-{digest}"));
    document
}

/// What is said of several packages of one vulnerability is said once.
fn grouped(all: Vec<Said<'_>>) -> Vec<(Said<'_>, Vec<&PackageEvidence>)> {
    let mut groups: Vec<(Said<'_>, Vec<&PackageEvidence>)> = Vec::new();
    for said in all {
        match groups.last_mut() {
            Some((last, packages))
                if last.finding.rule == said.finding.rule
                    && last.finding.subject == said.finding.subject
                    && (last.status, &last.detail) == (said.status, &said.detail) =>
            {
                packages.push(said.package);
            }
            _ => {
                let package = said.package;
                groups.push((said, vec![package]));
            }
        }
    }
    for (_, packages) in &mut groups {
        packages.sort_by(|a, b| a.purl.cmp(&b.purl));
        packages.dedup_by(|a, b| a.purl == b.purl);
    }
    groups
}

/// Whether a text is one of the justifications of OpenVEX.
fn is_label(text: &str) -> bool {
    matches!(
        text,
        "component_not_present"
            | "vulnerable_code_not_present"
            | "vulnerable_code_not_in_execute_path"
            | "vulnerable_code_cannot_be_controlled_by_adversary"
            | "inline_mitigations_already_exist"
    )
}

/// The report as a CycloneDX document that has the affected packages and what is said of them. The
/// same report gives the same document.
pub fn cyclonedx(report: &Report) -> impl Serialize {
    let mut components: BTreeMap<&str, Value> = BTreeMap::new();
    let mut vulnerabilities: Vec<Value> = Vec::new();
    for (said, packages) in grouped(all(report)) {
        for package in &packages {
            components.insert(
                &package.purl,
                json!({
                    "type": "library",
                    "bom-ref": package.purl,
                    "name": package.name,
                    "version": package.version,
                    "purl": package.purl,
                }),
            );
        }
        let affects: Vec<Value> =
            packages.iter().map(|package| json!({ "ref": package.purl })).collect();
        let mut vulnerability = json!({
            "bom-ref": format!("{} {}", said.finding.fingerprint, vulnerabilities.len()),
            "id": said.finding.rule,
            "description": said.finding.title,
            "analysis": analysis(&said),
            "affects": affects,
        });
        if let Some(fix) = &said.finding.fix {
            vulnerability["recommendation"] = json!(fix.summary);
        }
        vulnerabilities.push(vulnerability);
    }
    let tool = json!({
        "type": "application", "name": report.tool.name, "version": report.tool.version,
    });
    let mut document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": report.created,
            "tools": { "components": [tool] },
            "component": { "type": "container", "bom-ref": "target", "name": report.target.name },
        },
        "components": components.into_values().collect::<Vec<_>>(),
        "vulnerabilities": vulnerabilities,
    });
    if report.target.digest.is_some() {
        document["metadata"]["component"]["purl"] = json!(product(report));
    }
    document["serialNumber"] = json!(crate::sbom::derived_uuid(&document));
    document
}

fn analysis(said: &Said<'_>) -> Value {
    let state = match said.status {
        VexStatus::NotAffected => "not_affected",
        VexStatus::Affected => "exploitable",
        VexStatus::Fixed => "resolved",
        VexStatus::UnderInvestigation => "in_triage",
    };
    let mut analysis = json!({ "state": state, "detail": said.detail });
    if let Some(justification) = said.justification.and_then(justification) {
        analysis["justification"] = json!(justification);
    }
    if said.is_accepted && said.status == VexStatus::Affected {
        analysis["response"] = json!(["will_not_fix"]);
    }
    analysis
}

/// The justification as CycloneDX has it, where it has the same or a wider one.
fn justification(label: &str) -> Option<&str> {
    Some(match label {
        "component_not_present" | "vulnerable_code_not_present" => "code_not_present",
        "vulnerable_code_not_in_execute_path"
        | "vulnerable_code_cannot_be_controlled_by_adversary" => "code_not_reachable",
        "inline_mitigations_already_exist" => "protected_by_mitigating_control",
        "code_not_present"
        | "code_not_reachable"
        | "requires_configuration"
        | "requires_dependency"
        | "requires_environment"
        | "protected_by_compiler"
        | "protected_at_runtime"
        | "protected_at_perimeter"
        | "protected_by_mitigating_control" => label,
        _ => return None,
    })
}
