//! The service: TLS, HTTP/1.1, bounds on everything that comes, and an orderly end.

mod certificate;
mod http;
mod metrics;
mod watch;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use thiserror::Error;
use tokio::net::TcpListener;

pub use self::certificate::CertificateError;
use self::{certificate::Certificates, http::State, metrics::Metrics};
use crate::admission::{Policy, PolicyError};

/// Time that requests have to end after the service was told to.
const END: Duration = Duration::from_secs(30);

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address and port.
    pub listen: SocketAddr,
    /// Certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// Authorities whose certificates those who ask have to have, PEM; none takes anybody.
    pub client_authority: Option<PathBuf>,
    /// The policy; none is the default.
    pub policy: Option<PathBuf>,
    /// How often files are looked at for changes.
    pub reload: Duration,
    /// Bytes of a request.
    pub body_limit: usize,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Certificate or policy were replaced.
    Reloaded(&'static str),
    /// They were changed and cannot be used; those before stay in force.
    NotReloaded(&'static str, String),
    /// A request was refused: the rules that it broke.
    Refused(Vec<String>),
    /// Somebody could not be served: no TLS, no request.
    Failed(String),
}

/// What hears of events.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// Why there is no service.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("could not listen on '{address}'")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Certificate, key or authority cannot be used.
    #[error("could not use the certificate")]
    Certificate(#[from] CertificateError),
    /// The policy cannot be read.
    #[error("could not read policy '{path}'")]
    PolicyFile {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The policy is none.
    #[error("could not understand policy '{path}'")]
    Policy {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: PolicyError,
    },
    /// A thread or timer cannot be had.
    #[error("could not start the service")]
    Runtime(#[source] std::io::Error),
}

/// A service that listens.
pub struct Server {
    runtime: tokio::runtime::Runtime,
    listener: TcpListener,
    address: SocketAddr,
    options: Options,
    state: Arc<State>,
    certificates: Arc<Certificates>,
}

impl Server {
    /// Reads certificate and policy, and takes the address.
    ///
    /// # Errors
    /// If one of them cannot be used: a service without its policy does not start.
    pub fn bind(options: Options, events: Listener) -> Result<Self, ServeError> {
        let certificates = Arc::new(Certificates::read(&options)?);
        let policy = read_policy(&options)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(ServeError::Runtime)?;
        let address = options.listen;
        let listen = |source| ServeError::Listen { address, source };
        let listener = runtime.block_on(TcpListener::bind(address)).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let state = Arc::new(State {
            policy: std::sync::RwLock::new(Arc::new(policy)),
            metrics: Metrics::default(),
            ready: AtomicBool::new(true),
            body_limit: options.body_limit,
            events,
        });
        Ok(Self { runtime, listener, address, options, state, certificates })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `end` returns; then lets requests that are on their way end.
    pub fn run(self, end: impl FnOnce() + Send + 'static) {
        let Self { runtime, listener, options, state, certificates, .. } = self;
        let (told, mut ended) = tokio::sync::watch::channel(false);
        std::thread::spawn(move || {
            end();
            let _ = told.send(true);
        });
        runtime.block_on(async move {
            let files = watch::Files::new(options.clone());
            let watcher = tokio::spawn(files.follow(Arc::clone(&state), Arc::clone(&certificates)));
            http::accept(listener, &state, &certificates, &mut ended, END).await;
            watcher.abort();
        });
    }
}

fn read_policy(options: &Options) -> Result<Policy, ServeError> {
    let Some(path) = &options.policy else { return Ok(Policy::default()) };
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|source| ServeError::PolicyFile { path: name(), source })?;
    Policy::parse(&text).map_err(|source| ServeError::Policy { path: name(), source })
}
