use std::{fs, io::Write as _, path::PathBuf, process::ExitCode};

use cofferdam_server::admission::{Authority, Install, manifests};

use crate::{
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// Write the objects that install the webhook in a cluster
///
/// Namespace, account without a token, policy, Deployment under the level restricted, Service,
/// disruption budget, network policy and the ValidatingWebhookConfiguration. The certificate is that of
/// a Secret of type kubernetes.io/tls, signed by --ca-bundle, or cert-manager's.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube admission manifests --cert-manager --image registry.example.org/cofferdam:1 | kubectl apply -f -
  cofferdam kube admission manifests --ca-bundle ca.pem --secret webhook-tls --image cofferdam:1 --fail-open")]
pub(crate) struct Args {
    /// Image of Cofferdam
    #[arg(long, value_name = "IMAGE")]
    image: String,
    /// Authority that signed the certificate in the Secret, PEM
    #[arg(long, value_name = "FILE", conflicts_with = "cert_manager")]
    ca_bundle: Option<PathBuf>,
    /// Let cert-manager make the certificate
    #[arg(long)]
    cert_manager: bool,
    /// Secret with tls.crt and tls.key
    #[arg(long, value_name = "NAME", default_value = "cofferdam-admission-tls")]
    secret: String,
    /// Policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Let requests through while the webhook does not answer
    #[arg(long)]
    fail_open: bool,
    /// Namespace that the webhook is in
    #[arg(long, short, value_name = "NAMESPACE", default_value = "cofferdam-system")]
    namespace: String,
    /// Name of its objects
    #[arg(long, value_name = "NAME", default_value = "cofferdam-admission")]
    name: String,
    /// How many of it run
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    replicas: u32,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let authority = match &args.ca_bundle {
        Some(path) => {
            let attempt = || format!("could not read '{}'", path.display());
            Authority::Bundle(fs::read(path).or_fail(attempt)?)
        }
        None if args.cert_manager => Authority::CertManager,
        None => {
            let error = CliError::new("could not tell who signs the certificate of the webhook");
            return Err(error.hint("name the authority with --ca-bundle, or use --cert-manager"));
        }
    };
    let (policy, text) = super::policy(args.policy.as_deref())?;
    for (what, name) in
        [("namespace", &args.namespace), ("name", &args.name), ("secret", &args.secret)]
    {
        check_name(what, name)?;
    }
    if args.image.is_empty()
        || !args
            .image
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"'\"#{}[],&*!|>%`\\".contains(&byte))
    {
        return Err(CliError::new(format!("could not use image '{}'", args.image))
            .hint("an image is named as registry/repository:tag@digest"));
    }
    let install = Install {
        namespace: args.namespace.clone(),
        name: args.name.clone(),
        image: args.image.clone(),
        secret: args.secret.clone(),
        authority,
        fail_closed: !args.fail_open,
        policy: text,
        exempt: policy.namespaces.into_iter().collect(),
        replicas: args.replicas,
    };
    session.printer.data().write_all(manifests(&install).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Names become parts of YAML as they are.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), CliError> {
    let is_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = !name.is_empty()
        && name.len() <= 63
        && name.bytes().all(is_label)
        && name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !name.ends_with('-');
    if is_name {
        return Ok(());
    }
    let error = CliError::new(format!("could not use {what} '{name}'"));
    Err(error.hint("a name has lower case letters, digits and '-', begins with a letter, and is not longer than 63"))
}
