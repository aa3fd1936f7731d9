use std::{
    fs,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use thiserror::Error;

use super::Options;

/// Bytes of a file with certificates.
const SIZE_LIMIT: u64 = 1 << 20;

/// Why certificate, key or authority cannot be used.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("could not read '{path}'")]
    Read {
        /// Its path.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What is in it is not what it should be.
    #[error("could not use '{path}': {why}")]
    Content {
        /// Its path.
        path: String,
        /// What is wrong.
        why: String,
    },
}

/// The certificate that is shown, which can be replaced while the service runs.
pub(super) struct Certificates {
    current: Arc<Current>,
    pub(super) config: Arc<ServerConfig>,
}

#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Certificates {
    pub(super) fn read(options: &Options) -> Result<Self, CertificateError> {
        let provider = Arc::new(ring::default_provider());
        let key = certified(options, &provider)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(key))));
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| content(&options.certificate, &error))?;
        let builder = match &options.client_authority {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| content(path, &error))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()
                        .map_err(|error| content(path, &error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::<Current>::clone(&current));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { current, config: Arc::new(config) })
    }

    /// Shows what is in the files now, from the next connection on.
    pub(super) fn reload(&self, options: &Options) -> Result<(), CertificateError> {
        let key = certified(options, &ring::default_provider())?;
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
        Ok(())
    }
}

fn certified(
    options: &Options,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CertificateError> {
    let chain = certificates(&options.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&options.key)?)
        .map_err(|error| content(&options.key, &error))?;
    // Says so if key and certificate do not belong together, as between two writes of a pair.
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| content(&options.certificate, &error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let bytes = read(path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let all = all.map_err(|error| content(path, &error))?;
    if all.is_empty() {
        return Err(content(path, &"there is no certificate in it"));
    }
    Ok(all)
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let failed = |source| CertificateError::Read { path: path.display().to_string(), source };
    if fs::metadata(path).map_err(failed)?.len() > SIZE_LIMIT {
        return Err(content(path, &format_args!("it has more than {SIZE_LIMIT} bytes")));
    }
    fs::read(path).map_err(failed)
}

fn content(path: &Path, why: &dyn std::fmt::Display) -> CertificateError {
    CertificateError::Content { path: path.display().to_string(), why: why.to_string() }
}
