use std::{ffi::OsString, path::Path};

/// The runtime beside this program, in its `libexec`, or on the path.
pub(crate) fn runtime() -> OsString {
    const NAME: &str = "cofferdam-runtime";
    if let Some(set) = std::env::var_os("COFFERDAM_RUNTIME").filter(|set| !set.is_empty()) {
        // Another directory may be the current one by the time that it is started.
        let is_path = Path::new(&set).components().count() > 1;
        let absolute = is_path.then(|| std::path::absolute(&set).ok()).flatten();
        return absolute.map_or(set, Into::into);
    }
    let own = std::env::current_exe().ok();
    let directory = own.as_deref().and_then(Path::parent);
    let beside = directory.into_iter().flat_map(|directory| {
        [directory.join(NAME), directory.join("../libexec/cofferdam").join(NAME)]
    });
    beside.into_iter().find(|path| path.is_file()).map_or_else(|| NAME.into(), Into::into)
}
