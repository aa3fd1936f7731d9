//! What every command reads: a dump, a snapshot, a folder of manifests, or a cluster's API server.

use std::path::{Path, PathBuf};

use cofferdam_kube::{
    Snapshot,
    live::{self, Access, Choice, Collected, LiveError, Options},
    load::{self, LoadError},
};

use crate::{error::CliError, session::Session};

/// Gaps that are told one by one; the rest as a number.
const GAPS_TOLD: usize = 5;
/// How a context is named where a path can be.
const CONTEXT: &str = "context:";

/// Flags that say what is read.
#[derive(Debug, clap::Args)]
pub(super) struct Input {
    /// A dump, a manifest, or a folder of manifests; '-' is standard input
    path: Option<PathBuf>,
    /// Read the cluster of this context of the kubeconfig
    #[arg(long, value_name = "NAME", conflicts_with = "path", help_heading = "Cluster")]
    context: Option<String>,
    /// Kubeconfig, whose current context is read unless --context names one [default: KUBECONFIG, or
    /// ~/.kube/config]
    #[arg(long, value_name = "FILE", conflicts_with = "path", help_heading = "Cluster")]
    kubeconfig: Option<PathBuf>,
    /// Read the cluster in which this program runs, as its pod's service account
    #[arg(long, conflicts_with_all = ["path", "context", "kubeconfig"], help_heading = "Cluster")]
    in_cluster: bool,
    /// Run the program from which the kubeconfig gets its credentials
    #[arg(long, conflicts_with = "path", help_heading = "Cluster")]
    allow_exec: bool,
    /// Read names and annotations of Secrets, too (not what they hold)
    #[arg(long, conflicts_with = "path", help_heading = "Cluster")]
    secret_names: bool,
}

impl Input {
    /// Reads what is meant; what of it could not be read is for the caller to report.
    pub(super) fn load(&self, session: &Session) -> Result<Snapshot, CliError> {
        match (&self.path, self.choice()) {
            (Some(path), _) => load(path, session),
            (None, Some(choice)) => {
                let options = Options { secret_names: self.secret_names };
                cluster(&choice, &options, session)
            }
            (None, None) => Err(CliError::new("could not tell what to read").hint(
                "name a dump (kubectl get -o json), a folder of manifests, or a cluster: --context NAME",
            )),
        }
    }

    /// Reads what is meant, and says what of it could not be read.
    pub(super) fn read(&self, session: &Session) -> Result<Snapshot, CliError> {
        let snapshot = self.load(session)?;
        tell_gaps(&snapshot, session);
        Ok(snapshot)
    }

    /// How reports call what is read.
    pub(super) fn name(&self) -> String {
        match (&self.path, &self.context) {
            (Some(path), _) => path.display().to_string(),
            (None, Some(context)) => format!("{CONTEXT}{context}"),
            (None, None) if self.in_cluster => "this cluster".to_owned(),
            (None, None) => "current context".to_owned(),
        }
    }

    /// Whether Secrets are to be read.
    pub(super) fn secret_names(&self) -> bool {
        self.secret_names
    }

    fn choice(&self) -> Option<Choice> {
        if self.in_cluster {
            return Some(Choice::InCluster);
        }
        let is_meant = self.context.is_some() || self.kubeconfig.is_some();
        is_meant.then(|| Choice::Kubeconfig {
            path: self.kubeconfig.clone(),
            context: self.context.clone(),
            allow_exec: self.allow_exec,
        })
    }
}

/// Reads `path`, or the cluster that `context:NAME` stands for; what of it could not be read is for
/// the caller to report.
pub(super) fn load(path: &Path, session: &Session) -> Result<Snapshot, CliError> {
    match path.to_str().and_then(|path| path.strip_prefix(CONTEXT)) {
        Some(name) => {
            let context = Some(name.to_owned()).filter(|name| !name.is_empty());
            let choice = Choice::Kubeconfig { path: None, context, allow_exec: false };
            cluster(&choice, &Options::default(), session)
        }
        None => load::path(path).map_err(failed),
    }
}

/// Reads `path`, and says what of it could not be read.
pub(super) fn read(path: &Path, session: &Session) -> Result<Snapshot, CliError> {
    let snapshot = load(path, session)?;
    tell_gaps(&snapshot, session);
    Ok(snapshot)
}

fn tell_gaps(snapshot: &Snapshot, session: &Session) {
    for gap in snapshot.gaps.iter().take(GAPS_TOLD) {
        session.printer.warning(format_args!("{}: {}", gap.object, gap.why));
    }
    if snapshot.gaps.len() > GAPS_TOLD {
        let more = snapshot.gaps.len() - GAPS_TOLD;
        session.printer.warning(format_args!("{more} more could not be read or understood"));
    }
}

fn cluster(choice: &Choice, options: &Options, session: &Session) -> Result<Snapshot, CliError> {
    if session.offline() {
        let error = CliError::new("could not read the cluster, because this run is offline");
        return Err(
            error.hint("write a snapshot first: cofferdam kube snapshot --context NAME -o FILE")
        );
    }
    let access = Access::find(choice).map_err(unreachable)?;
    if access.insecure {
        session.printer.warning(format_args!(
            "the kubeconfig says not to verify the certificate of '{}': whoever is in between can \
             show a cluster that is none",
            access.server
        ));
    }
    let mut progress = |kind: &str| session.printer.detail(format_args!("listing {kind}"));
    let collected = live::snapshot(&access, options, &mut progress).map_err(unreachable)?;
    tell(&collected, &access, session);
    Ok(collected.snapshot)
}

fn tell(collected: &Collected, access: &Access, session: &Session) {
    let Collected { snapshot, unknown_refused, requests } = collected;
    let version = snapshot.server_version.as_deref().unwrap_or("an unknown version");
    session.printer.detail(format_args!(
        "{} ({version}): {} objects by {requests} lists",
        access.title(),
        snapshot.objects.len(),
    ));
    if !unknown_refused.is_empty() {
        session.printer.message(format_args!(
            "{} kinds that no rule looks at may not be listed, and are not counted",
            unknown_refused.len()
        ));
        session.printer.detail(unknown_refused.join(", "));
    }
}

fn unreachable(error: LiveError) -> CliError {
    let hint = error.hint();
    let error = CliError::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn failed(error: LoadError) -> CliError {
    let gaps = match &error {
        LoadError::Nothing { gaps, .. } => gaps.clone(),
        _ => Vec::new(),
    };
    let hint = match gaps.first() {
        Some(gap) => format!("{}: {}", gap.object, gap.why),
        None => "name a dump (kubectl get -o json), a file or a folder of manifests".to_owned(),
    };
    CliError::from(error).hint(hint)
}
