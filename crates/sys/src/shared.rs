//! A word of memory that a process shares with the children it makes: for what they have to tell
//! each other without a system call.

use std::sync::atomic::AtomicI32;

use rustix::io;

use crate::clone::last_error;

/// A word in memory that stays shared over fork and clone.
#[derive(Debug)]
pub struct Word(std::ptr::NonNull<AtomicI32>);

const SIZE: usize = 4096;

impl Word {
    /// A word that holds `value`.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn new(value: i32) -> io::Result<Self> {
        // SAFETY: the kernel chooses an address that nothing uses.
        let memory = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if memory == libc::MAP_FAILED {
            return Err(last_error());
        }
        let word = Self(std::ptr::NonNull::new(memory.cast()).ok_or(io::Errno::NOMEM)?);
        word.get().store(value, std::sync::atomic::Ordering::SeqCst);
        Ok(word)
    }

    /// The word.
    #[must_use]
    pub const fn get(&self) -> &AtomicI32 {
        // SAFETY: the mapping is aligned, zeroed by the kernel, as long as `self` lives, and
        // reached by atomic operations only, from every process that has it.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Word {
    fn drop(&mut self) {
        // SAFETY: it is our mapping, and references to it end with `self`.
        unsafe { libc::munmap(self.0.as_ptr().cast(), SIZE) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::SeqCst;

    use super::*;

    #[test]
    fn a_child_and_its_parent_see_the_same_word() {
        let word = Word::new(7).unwrap();
        assert_eq!(word.get().swap(8, SeqCst), 7);
        assert_eq!(word.get().load(SeqCst), 8);
    }
}
