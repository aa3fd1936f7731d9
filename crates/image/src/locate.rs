use crate::{
    Error, OpenOptions, Source, Target, open, registry,
    store::{self, Store},
};

/// Where images are looked for that are not files.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The local store, if there is one.
    pub store: Option<&'a Store>,
    /// How registries are reached.
    pub registry: &'a registry::Options,
}

/// Finds what `target` names, as [`open`] does, also in the local store and in registries: a bare
/// reference in the store first. An image of the store that is for another platform than the one
/// asked for does not count.
///
/// # Errors
/// As for [`open`]; with [`Error::Other`] if the store or the registry has no such image, cannot be
/// read or reached.
pub fn locate(
    target: &Target,
    options: &OpenOptions,
    places: &Places<'_>,
) -> Result<Source, Error> {
    let image = match target {
        Target::Store(name) => {
            let store = places.store.ok_or_else(|| unknown(name))?;
            let stored = store.find(name).map_err(in_store(name))?.ok_or_else(|| unknown(name))?;
            store.load(&stored).map_err(in_store(name))?
        }
        Target::Registry(reference) => registry::open(reference, options, places.registry)?,
        Target::Named(reference) => {
            let name = reference.to_string();
            let found = match places.store {
                Some(store) => store.find(&name).map_err(in_store(&name))?,
                None => None,
            };
            let fits = found.filter(|stored| match (&options.platform, &stored.platform) {
                (Some(wanted), Some(platform)) => platform.satisfies(wanted),
                _ => true,
            });
            match (places.store, fits) {
                (Some(store), Some(stored)) => store.load(&stored).map_err(in_store(&name))?,
                _ => registry::open(reference, options, places.registry)?,
            }
        }
        Target::OciLayout { .. }
        | Target::OciArchive { .. }
        | Target::DockerArchive { .. }
        | Target::Directory(_) => return open(target, options),
    };
    Ok(Source::Image(Box::new(image)))
}

fn unknown(name: &str) -> Error {
    in_store(name)(store::Error::Unknown(name.to_owned()))
}

fn in_store(name: &str) -> impl FnOnce(store::Error) -> Error + use<> {
    let object = name.to_owned();
    move |error| Error::Other { action: "open", object, source: Box::new(error) }
}
