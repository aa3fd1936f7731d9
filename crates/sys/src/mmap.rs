//! Reading files through the page cache, without copying them.

use std::{fs::File, io, ops::Deref};

/// A read-only view of a file that nobody changes.
#[derive(Debug)]
pub struct Mapping(memmap2::Mmap);

impl Mapping {
    /// Maps all of `file`.
    ///
    /// Only for files that are never written in place: ones that are made under another name and
    /// then renamed, as Cofferdam makes all of its own. Whoever truncates a mapped file makes the
    /// reader end with SIGBUS; whoever writes to it makes the view change, which a reader that
    /// checks every read survives.
    ///
    /// # Errors
    /// If the file cannot be mapped: it is empty on some kernels, a directory, a pipe.
    #[expect(unsafe_code, reason = "mapping a file is unsafe: others may change it")]
    pub fn of(file: &File) -> io::Result<Self> {
        // SAFETY: The bytes are only ever handed out as `&[u8]`, every value of which is valid, and
        // files are immutable once they have the name by which they are opened (see above), so
        // that the bytes behind the reference stay as they are.
        unsafe { memmap2::Mmap::map(file) }.map(Self)
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn shows_the_content_of_a_file() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"content").unwrap();
        assert_eq!(&*Mapping::of(&file).unwrap(), b"content");
    }

    #[test]
    fn a_directory_cannot_be_mapped() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Mapping::of(&File::open(directory.path()).unwrap()).is_err());
    }
}
