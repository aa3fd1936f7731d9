use cofferdam_oci::Digest;

use super::CredentialError;

/// Why an image could not be had from a registry.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The network must not be used.
    #[error("registry '{registry}' is not asked, because this run is offline")]
    Offline {
        /// The registry.
        registry: String,
    },
    /// There is nobody there, or the way is blocked.
    #[error("registry '{registry}' cannot be reached")]
    Unreachable {
        /// The registry or token service.
        registry: String,
        /// Why: name resolution, connection, TLS.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No certificate authority is trusted on this machine.
    #[error("no trusted certificates were found on this machine, so that TLS is impossible")]
    NoCertificates,
    /// An answer does not come, or does not go on.
    #[error("registry '{registry}' did not answer in time")]
    Timeout {
        /// The registry or token service.
        registry: String,
    },
    /// 401: not logged in, or with the wrong credentials.
    #[error("registry '{registry}' wants a login for '{repository}' ({credentials})")]
    Unauthorized {
        /// The registry or token service.
        registry: String,
        /// The repository.
        repository: String,
        /// Which credentials were used.
        credentials: String,
    },
    /// 403: logged in, but not allowed.
    #[error("registry '{registry}' forbids access to '{repository}' ({credentials})")]
    Forbidden {
        /// The registry or token service.
        registry: String,
        /// The repository.
        repository: String,
        /// Which credentials were used.
        credentials: String,
    },
    /// 404: no such repository, tag or blob.
    #[error("registry '{registry}' has no {what} in '{repository}'")]
    NotFound {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// What was asked for: `manifest '3.20'`.
        what: String,
    },
    /// 429: too many requests.
    #[error("registry '{registry}' refuses for now: too many requests (try again {when})")]
    RateLimited {
        /// The registry or token service.
        registry: String,
        /// What it says on when to come again.
        when: String,
    },
    /// Any other answer that is not a success.
    #[error("registry '{registry}' answered {status}{message}")]
    Status {
        /// The registry or token service.
        registry: String,
        /// The HTTP status.
        status: u16,
        /// What it said, if anything: `: MESSAGE`.
        message: String,
    },
    /// What came is other content than what was asked for.
    #[error("manifest '{expected}' is corrupt: its content has digest '{actual}'")]
    Digest {
        /// The digest asked for or announced.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
    },
    /// An answer breaks the distribution specification, or a bound.
    #[error("the registry's answer cannot be used: {why}")]
    Protocol {
        /// What is wrong.
        why: String,
    },
    /// Credentials would travel unencrypted.
    #[error("token service '{realm}' of registry '{registry}' is not asked: it has no TLS")]
    ClearText {
        /// The registry.
        registry: String,
        /// The service it names.
        realm: String,
    },
    /// Credentials could not be had.
    #[error("could not get credentials for registry '{registry}'")]
    Credential {
        /// The registry.
        registry: String,
        /// Why.
        source: CredentialError,
    },
    /// A thread or socket could not be had.
    #[error("could not set up the network client")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Offline { .. } => {
                "pull the image first, without --offline, or name an archive of it".to_owned()
            }
            Self::Unreachable { registry, .. } => format!(
                "check the name, the network and HTTPS_PROXY; for a registry without TLS add --insecure-registry {registry}"
            ),
            Self::NoCertificates => {
                "install the package ca-certificates, or set SSL_CERT_FILE".to_owned()
            }
            Self::Timeout { .. } | Self::Status { status: 500.., .. } => {
                "try again later; what was fetched completely is not fetched again".to_owned()
            }
            Self::Unauthorized { registry, .. } => format!(
                "log in with 'docker login {registry}' or 'podman login {registry}' (both files are read), or check the name: registries say this of images that do not exist, too"
            ),
            Self::Forbidden { .. } => {
                "ask the owner of the repository for the right to pull".to_owned()
            }
            Self::NotFound { .. } => "check the name and the tag".to_owned(),
            Self::RateLimited { registry, .. } => {
                format!("log in for a higher limit: 'docker login {registry}'")
            }
            Self::ClearText { registry, .. } => {
                format!("if that is acceptable here, add --insecure-registry {registry}")
            }
            _ => return None,
        })
    }

    /// Whether another attempt may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }
}
