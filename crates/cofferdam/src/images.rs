//! Images from wherever a user names them: files, the local store, registries.

use cofferdam_image::{
    OpenOptions, Places, Source, Target, TargetError, locate, registry,
    store::{self, Store},
};

use crate::{error::CliError, session::Session};

/// How registries are reached, beyond what settings say.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Reach {
    /// Speak to this registry without TLS; may be given several times
    #[arg(long, value_name = "HOST[:PORT]")]
    insecure_registry: Vec<String>,
}

impl Reach {
    pub(crate) fn options(&self, session: &Session) -> registry::Options {
        registry::Options {
            offline: session.offline(),
            insecure: self.insecure_registry.clone(),
            ..registry::Options::default()
        }
    }
}

/// The store of the data directory, made if it is not there.
pub(crate) fn store(session: &Session) -> Result<Store, CliError> {
    let directory = session.settings.data_dir()?.join("images");
    Store::open(&directory).map_err(|error| failed(&error))
}

/// What `text` names. A store that is not there is not made.
pub(crate) fn open(
    text: &str,
    options: &OpenOptions,
    reach: &Reach,
    session: &Session,
) -> Result<Source, CliError> {
    let target = Target::parse(text).map_err(|error| parse_error(text, &error))?;
    locate_target(text, &target, options, reach, session)
}

/// As [`open`], for a target that was parsed already.
pub(crate) fn locate_target(
    text: &str,
    target: &Target,
    options: &OpenOptions,
    reach: &Reach,
    session: &Session,
) -> Result<Source, CliError> {
    let there = session.settings.data_dir().is_ok_and(|data| data.join("images").is_dir());
    let wanted = matches!(target, Target::Store(_) | Target::Named(_));
    let store = if there && wanted { Some(store(session)?) } else { None };
    let registry = reach.options(session);
    let places = Places { store: store.as_ref(), registry: &registry };
    let source = locate(target, options, &places);
    source.map_err(|error| {
        with_hint(CliError::new(format!("could not open '{text}'")).caused_by(&error), &error)
    })
}

/// An error of the library with what its causes say to do.
pub(crate) fn failed(error: &(dyn std::error::Error + 'static)) -> CliError {
    let shown = CliError::new(error.to_string());
    let shown = match error.source() {
        Some(source) => shown.caused_by(source),
        None => shown,
    };
    with_hint(shown, error)
}

/// The hint of the first cause that has one.
fn with_hint(shown: CliError, error: &(dyn std::error::Error + 'static)) -> CliError {
    let mut next = Some(error);
    while let Some(cause) = next {
        match hint(cause) {
            Some(hint) => return shown.hint(hint),
            None => next = cause.source(),
        }
    }
    shown
}

fn hint(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<registry::Error>() {
        return error.hint();
    }
    if let Some(error) = error.downcast_ref::<store::Error>() {
        return match error {
            store::Error::Unknown(_) => Some("cofferdam image list shows what there is".into()),
            store::Error::Ambiguous { .. } => Some("give more digits of the digest".into()),
            store::Error::Owner { .. } => {
                Some("use another --data-dir, or change the owner of this one".into())
            }
            store::Error::Exists(_) => Some("name a path that does not exist yet".into()),
            _ => None,
        };
    }
    let error = error.downcast_ref::<std::io::Error>()?;
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            Some("make room, or use another --data-dir; nothing was left half written".into())
        }
        std::io::ErrorKind::PermissionDenied => Some("check who owns it".into()),
        _ => error.get_ref().and_then(|inner| hint(inner)),
    }
}

/// What is wrong with the way that a target is written.
pub(crate) fn parse_error(text: &str, error: &TargetError) -> CliError {
    let shown = CliError::new(format!("could not open '{text}'")).caused_by(error);
    match error {
        TargetError::Missing(_) => shown.hint("check the path"),
        TargetError::Unrecognised(_) | TargetError::Reference { .. } => {
            shown.hint("cofferdam scan --help lists how targets are written")
        }
        _ => shown,
    }
}
