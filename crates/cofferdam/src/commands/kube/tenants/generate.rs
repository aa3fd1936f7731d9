use std::{io::Write as _, process::ExitCode};

use cofferdam_kube::tenants::{Plan, manifest};

use crate::{
    error::OrFail as _,
    session::{Ended, Session},
};

/// Write the objects of a tenant: namespace, Pod Security, quota, limits, policies, role
///
/// 'kube tenants check' finds nothing between tenants that are made so.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube tenants generate blue --group blue-developers -o tenant.yaml
  cofferdam kube tenants generate blue --namespace blue-test --cpu 8 --memory 16Gi --pods 100")]
pub(crate) struct Args {
    /// Name of the tenant
    tenant: String,
    /// Its namespace [default: the name of the tenant]
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Label of namespaces that says whose they are
    #[arg(long, value_name = "LABEL", default_value = "tenant")]
    label: String,
    /// Group of the people who work in it [default: the name of the tenant]
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Pod Security level that is enforced: baseline or restricted
    #[arg(long, value_name = "LEVEL", default_value = "restricted")]
    level: String,
    /// Quota of processors
    #[arg(long, value_name = "QUANTITY", default_value = "4")]
    cpu: String,
    /// Quota of memory
    #[arg(long, value_name = "QUANTITY", default_value = "8Gi")]
    memory: String,
    /// Quota of pods
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pods: u32,
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    let plan = Plan {
        tenant: args.tenant.clone(),
        namespace: args.namespace.clone().unwrap_or_else(|| args.tenant.clone()),
        label: args.label.clone(),
        group: args.group.clone().unwrap_or_else(|| args.tenant.clone()),
        level: args.level.clone(),
        cpu: args.cpu.clone(),
        memory: args.memory.clone(),
        pods: args.pods,
    };
    let text = manifest(&plan).or_fail(|| format!("could not write tenant '{}'", args.tenant))?;
    session.printer.data().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
