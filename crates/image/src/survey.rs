//! A second consumer of the same pass: who wants to see every entry, not only the files that an
//! [`crate::Interest`] names, looks on while layers are read. It costs nothing when nobody does.

use std::io::{self, Read};

use crate::tar::EntryHeader;

/// Looks at everything that a target has.
pub trait Survey: Sync {
    /// Names what is looked for, and the version of how: what is remembered of a layer is believed
    /// only by the survey of the same name.
    fn name(&self) -> &str;

    /// Begins a layer (or a directory). Layers are looked at side by side.
    fn begin(&self) -> Box<dyn Surveyor + '_>;
}

/// Looks at one layer.
pub trait Surveyor {
    /// One entry, in the order of the archive, with its content; what is left unread is passed
    /// over. Nothing may be trusted before the whole layer was read and verified.
    ///
    /// # Errors
    /// If the content cannot be read, with the error of `content`.
    fn entry(&mut self, entry: &EntryHeader, content: &mut dyn Read) -> io::Result<()>;

    /// What there is to say of the layer, in a form of the survey's own.
    fn finish(self: Box<Self>) -> Vec<u8>;
}
