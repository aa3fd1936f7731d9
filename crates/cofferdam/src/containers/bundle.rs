use std::{fs, os::unix::fs::DirBuilderExt as _, path::PathBuf};

use cofferdam_oci::runtime::Spec;
use cofferdam_runtime::ContainerId;

use super::runtime_directory;
use crate::error::{CliError, OrFail as _};

/// A bundle's directory, which nobody else can look into and which goes away with this.
pub(crate) struct Bundle(pub(crate) PathBuf);

impl Bundle {
    pub(crate) fn write(id: &ContainerId, spec: &Spec) -> Result<Self, CliError> {
        // Apart from what the runtime keeps of its containers.
        let parent = runtime_directory()?.join("bundles");
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&parent)
            .or_fail(|| format!("could not make the directory '{}'", parent.display()))?;
        let path = parent.join(id.as_str());
        let failed = || format!("could not make the container's directory '{}'", path.display());
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(CliError::new(format!("could not run: a container '{id}' exists"))
                    .hint(format!(
                        "use another --name, or remove '{}' if it is a remnant",
                        path.display()
                    )));
            }
            made => made.or_fail(failed)?,
        }
        let bundle = Self(path.clone());
        let json = serde_json::to_vec(spec).or_fail(failed)?;
        fs::write(bundle.0.join("config.json"), json).or_fail(failed)?;
        Ok(bundle)
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        // A remnant holds no more than the configuration and is told of at the next use.
        let _ = fs::remove_dir_all(&self.0);
    }
}
