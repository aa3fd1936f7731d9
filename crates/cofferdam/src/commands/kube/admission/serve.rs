use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use cofferdam_server::serve::{Event, Options, Server};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{
    error::OrFail as _,
    session::{Ended, Session},
};

/// Answer an API server that asks whether objects may be
///
/// Speaks TLS 1.2 and 1.3 and HTTP/1.1: POST /validate takes an AdmissionReview; GET /healthz, /readyz
/// and /metrics say how it is. Certificate, key and policy are read again when they change; what cannot
/// be used leaves the one before in force. SIGTERM ends it when the requests that are on their way have
/// been answered.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube admission serve --certificate tls.crt --key tls.key
  cofferdam kube admission serve --listen 0.0.0.0:8443 --policy policy.toml \\
    --certificate tls.crt --key tls.key --client-ca apiserver-ca.pem")]
pub(crate) struct Args {
    /// Address and port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Certificate chain of the webhook, PEM
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// Its key, PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Take only clients with a certificate of these authorities, PEM
    #[arg(long, value_name = "FILE")]
    client_ca: Option<PathBuf>,
    /// Policy [default: refuse what is high or worse at the level baseline, warn of what is medium]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Seconds between two looks whether files have changed
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    reload: u64,
    /// Bytes of the largest request
    #[arg(long, value_name = "BYTES", default_value_t = 8 << 20)]
    body_limit: usize,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let options = Options {
        listen: args.listen,
        certificate: args.certificate.clone(),
        key: args.key.clone(),
        client_authority: args.client_ca.clone(),
        policy: args.policy.clone(),
        reload: Duration::from_secs(args.reload),
        body_limit: args.body_limit,
    };
    let mut signals =
        Signals::new([SIGINT, SIGTERM]).or_fail(|| "could not wait for signals".into())?;
    let printer = session.printer.messages();
    let listener = Arc::new(move |event| match event {
        Event::Reloaded(what) => printer.message(format_args!("the {what} was replaced")),
        Event::NotReloaded(what, why) => printer.warning(format_args!(
            "the {what} was changed and cannot be used; the one before stays: {why}"
        )),
        Event::Refused(rules) => printer.detail(format_args!("refused: {}", rules.join(", "))),
        Event::Failed(why) => printer.detail(format_args!("a connection came to nothing: {why}")),
    });
    let server = Server::bind(options, listener)?;
    session.printer.message(format_args!("listening on {}", server.address()));
    server.run(move || {
        signals.forever().next();
    });
    session.printer.message("ended");
    Ok(ExitCode::SUCCESS)
}
