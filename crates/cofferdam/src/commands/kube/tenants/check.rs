use cofferdam_kube::tenants::{Tenants, findings};

use super::super::{
    input,
    report::{Found, Reporting, report},
};
use crate::{
    error::CliError,
    session::{Ended, Session},
};

/// Find what lets one tenant reach, read, starve or escalate into another
///
/// Namespaces with one value of a label are a tenant, or those that --tenant lists. Looked at are
/// network policies, role bindings, ways to the node, shared nodes, quotas, limits, priority classes
/// and Pod Security labels. Namespaces that are no tenant's are the cluster's own.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube tenants check dump.json --label team
  cofferdam kube tenants check ./manifests --tenant blue=shop,cart --tenant green=crm")]
pub(crate) struct Args {
    #[command(flatten)]
    input: input::Input,
    /// Label of namespaces that says whose they are
    #[arg(long, value_name = "LABEL", required_unless_present = "tenant")]
    label: Option<String>,
    /// A tenant and its namespaces; may be repeated
    #[arg(long, value_name = "NAME=NAMESPACE,…", value_parser = tenant)]
    tenant: Vec<(String, Vec<String>)>,
    #[command(flatten)]
    reporting: Reporting,
}

fn tenant(text: &str) -> Result<(String, Vec<String>), String> {
    let (name, namespaces) = text.split_once('=').unwrap_or((text, ""));
    let namespaces: Vec<_> =
        namespaces.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    match name.is_empty() || namespaces.is_empty() {
        true => Err("a tenant is written NAME=NAMESPACE,NAMESPACE".to_owned()),
        false => Ok((name.to_owned(), namespaces)),
    }
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    let snapshot = args.input.read(session)?;
    let mut tenants = Tenants::default();
    if let Some(label) = &args.label {
        tenants = Tenants::by_label(&snapshot, label);
    }
    for (name, namespaces) in &args.tenant {
        let own = namespaces.iter().map(|namespace| (namespace.clone(), name.clone()));
        tenants.of_namespace.extend(own);
    }
    if tenants.names().len() < 2 {
        let names = tenants.names().into_iter().collect::<Vec<_>>().join(", ");
        let found = if names.is_empty() { "none".to_owned() } else { format!("only '{names}'") };
        let error = CliError::new(format!("could not tell tenants apart: there is {found}"));
        return Err(error
            .hint("name a label that namespaces have, or list them: --tenant NAME=NAMESPACE,…"));
    }
    let (findings, more) = findings(&snapshot, &tenants);
    let gaps = snapshot.gaps.into_iter().chain(more).collect();
    let found = Found { findings, gaps, ..Found::default() };
    report(args.input.name(), found, &args.reporting, session)
}
