use thiserror::Error;

use super::kubeconfig::ConfigError;

/// Why a cluster could not be read.
#[derive(Debug, Error)]
pub enum LiveError {
    /// A kubeconfig cannot be used.
    #[error("could not use kubeconfig '{path}'")]
    Kubeconfig {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: ConfigError,
    },
    /// There is no kubeconfig.
    #[error("there is no kubeconfig at '{path}'")]
    NoKubeconfig {
        /// Where it was looked for.
        path: String,
    },
    /// The program runs in no pod.
    #[error("could not find the API server of this cluster: KUBERNETES_SERVICE_HOST is not set")]
    NotInCluster,
    /// A credential plugin would have to be run.
    #[error("user '{user}' gets its credentials from the program '{command}', which is not run")]
    ExecNotAllowed {
        /// Name of the user in the kubeconfig.
        user: String,
        /// The program.
        command: String,
    },
    /// A credential plugin failed.
    #[error("could not get credentials from the program '{command}': {why}")]
    Exec {
        /// The program.
        command: String,
        /// What went wrong.
        why: String,
    },
    /// A file that the kubeconfig names cannot be read.
    #[error("could not read '{path}'")]
    File {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Certificates, keys or addresses cannot be used.
    #[error("could not use {what} of '{server}': {why}")]
    Setting {
        /// What it is: `the certificate authority`.
        what: &'static str,
        /// Address of the server.
        server: String,
        /// What is wrong.
        why: String,
    },
    /// There is nobody there, or it is somebody else.
    #[error("could not reach API server '{server}'")]
    Unreachable {
        /// Its address.
        server: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// 401.
    #[error("API server '{server}' does not accept the credentials")]
    Unauthorized {
        /// Its address.
        server: String,
    },
    /// An answer that is none.
    #[error("API server '{server}' answered {status} to GET {path}{message}")]
    Status {
        /// Its address.
        server: String,
        /// HTTP status.
        status: u16,
        /// What was asked for.
        path: String,
        /// What it said, if anything: `: MESSAGE`.
        message: String,
    },
    /// An answer that cannot be understood, or is too large.
    #[error("could not understand the answer of '{server}' to GET {path}: {why}")]
    Answer {
        /// Address of the server.
        server: String,
        /// What was asked for.
        path: String,
        /// What is wrong.
        why: String,
    },
}

impl LiveError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Kubeconfig { source: ConfigError::NoContext { known, .. }, .. } => {
                if known.is_empty() {
                    "the file has no contexts".to_owned()
                } else {
                    format!("its contexts are {}", known.join(", "))
                }
            }
            Self::NoKubeconfig { .. } => "name one with --kubeconfig, or set KUBECONFIG".to_owned(),
            Self::NotInCluster => {
                "use --context or --kubeconfig outside of a pod's containers".to_owned()
            }
            Self::ExecNotAllowed { .. } => {
                "look at what the kubeconfig would run, then allow it with --allow-exec".to_owned()
            }
            Self::Unreachable { .. } => {
                "check the address, the network and the certificate authority in the kubeconfig"
                    .to_owned()
            }
            Self::Unauthorized { .. } => "log in again, or choose another --context".to_owned(),
            _ => return None,
        })
    }

    /// Whether another attempt may succeed.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}
