use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash as _, Hasher as _},
    path::PathBuf,
    sync::{Arc, PoisonError},
};

use super::{Event, Options, certificate::Certificates, http::State, read_policy};

/// The files that the service follows. They are read, not only looked at: what a volume of a pod shows
/// changes by links, and with old dates.
pub(super) struct Files {
    options: Options,
    certificate: u64,
    policy: u64,
}

impl Files {
    pub(super) fn new(options: Options) -> Self {
        let certificate = hash([Some(&options.certificate), Some(&options.key)]);
        let policy = hash([options.policy.as_ref()]);
        Self { options, certificate, policy }
    }

    /// Follows them for ever.
    pub(super) async fn follow(mut self, state: Arc<State>, certificates: Arc<Certificates>) {
        loop {
            tokio::time::sleep(self.options.reload).await;
            self.look(&state, &certificates);
        }
    }

    fn look(&mut self, state: &State, certificates: &Certificates) {
        let certificate = hash([Some(&self.options.certificate), Some(&self.options.key)]);
        if certificate != self.certificate {
            // Half a pair is seen again, whole, at the next look.
            match certificates.reload(&self.options) {
                Ok(()) => {
                    self.certificate = certificate;
                    state.reloaded("certificate");
                }
                Err(error) => state.tell(Event::NotReloaded("certificate", chain(&error))),
            }
        }
        let policy = hash([self.options.policy.as_ref()]);
        if policy != self.policy {
            match read_policy(&self.options) {
                Ok(new) => {
                    self.policy = policy;
                    *state.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                    state.reloaded("policy");
                }
                Err(error) => state.tell(Event::NotReloaded("policy", chain(&error))),
            }
        }
    }
}

fn hash<const N: usize>(paths: [Option<&PathBuf>; N]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths.into_iter().flatten() {
        fs::read(path).ok().hash(&mut hasher);
    }
    hasher.finish()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
