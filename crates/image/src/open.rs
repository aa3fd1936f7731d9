use std::{fs::File, path::PathBuf, sync::Arc};

use cofferdam_oci::Platform;

use crate::{
    Blobs, Directory, Error, Image, Limits, Target,
    archive::{self, Index},
    layout,
};

/// How a target is opened.
#[derive(Debug, Clone, Default)]
pub struct OpenOptions {
    /// The platform to choose from a multi-platform image. Without one it is this machine's, or
    /// the only one there is.
    pub platform: Option<Platform>,
    /// What is refused.
    pub limits: Limits,
}

/// What a target turned out to be.
#[derive(Debug)]
pub enum Source {
    /// An image.
    Image(Box<Image>),
    /// A root file system.
    Directory(Directory),
}

/// Finds what `target` names; reads documents and indexes, but no layer.
///
/// # Errors
/// If it is not there, is malformed, holds no image for the platform, or several and none is named.
pub fn open(target: &Target, options: &OpenOptions) -> Result<Source, Error> {
    let name = target.to_string();
    let image = match target {
        Target::Directory(root) => return Directory::open(root).map(Source::Directory),
        Target::OciLayout { directory, tag } => {
            let blobs: Arc<dyn Blobs> = Arc::new(layout::Files::new(directory.clone()));
            let index = layout::index_of_directory(directory, options)?;
            layout::open(&index, &name, tag.as_deref(), blobs, options)?
        }
        Target::OciArchive { file, tag } => {
            let archive = Arc::new(index_archive(file, options)?);
            let index = layout::index_of_archive(&archive, options)?;
            let blobs: Arc<dyn Blobs> = Arc::new(layout::Members(archive));
            layout::open(&index, &name, tag.as_deref(), blobs, options)?
        }
        Target::DockerArchive { file, tag } => {
            let archive = Arc::new(index_archive(file, options)?);
            archive::docker::open(archive, &name, tag.as_deref(), options)?
        }
        Target::Registry(_) | Target::Store(_) | Target::Named(_) => {
            return Err(Error::Elsewhere(name));
        }
    };
    Ok(Source::Image(Box::new(image)))
}

fn index_archive(path: &PathBuf, options: &OpenOptions) -> Result<Index, Error> {
    let opened = File::open(path).map_err(Error::io("open", path.display().to_string()))?;
    Index::new(opened, path, &options.limits)
}
