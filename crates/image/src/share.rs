//! One stream for two readers that each want to pull.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

/// Pieces that may wait for the slower reader.
const WAITING: usize = 4;
/// Bytes of a piece.
const PIECE: usize = 256 << 10;

/// Lets `first` (on a thread of its own) and `second` read `content`; what neither wants is read
/// all the same. Each may stop early without disturbing the other. Returns what both say.
pub(crate) fn share<A: Send, B>(
    content: &mut dyn Read,
    first: impl FnOnce(&mut dyn Read) -> A + Send,
    second: impl FnOnce(&mut dyn Read) -> io::Result<B>,
) -> (A, io::Result<B>) {
    let (sender, receiver) = sync_channel(WAITING);
    thread::scope(|scope| {
        let first = scope.spawn(move || first(&mut Pieces { receiver, piece: Vec::new(), at: 0 }));
        let mut tee = Tee { content, sender: Some(sender) };
        let said = second(&mut tee);
        let rest = tee.drain();
        drop(tee);
        let first = first.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause));
        (first, said.and_then(|said| rest.map(|()| said)))
    })
}

/// Passes on what is read.
struct Tee<'a> {
    content: &'a mut dyn Read,
    /// None when the other reader has seen enough.
    sender: Option<SyncSender<Vec<u8>>>,
}

impl Tee<'_> {
    /// Reads what is left, for the other reader only.
    fn drain(&mut self) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        while self.sender.is_some() && self.read(&mut piece)? > 0 {}
        Ok(())
    }
}

impl Read for Tee<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        let piece = &buffer[..count];
        if count > 0 && self.sender.as_ref().is_some_and(|s| s.send(piece.to_vec()).is_err()) {
            self.sender = None;
        }
        Ok(count)
    }
}

/// Reads what is passed on.
struct Pieces {
    receiver: Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            match self.receiver.recv() {
                Ok(piece) => (self.piece, self.at) = (piece, 0),
                Err(_) => return Ok(0),
            }
        }
        let count = buffer.len().min(self.piece.len() - self.at);
        buffer[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reader_may_take_as_much_as_it_wants() {
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| i.to_le_bytes()[1]).collect();
        let read = |limit: u64| {
            move |content: &mut dyn Read| {
                let mut taken = Vec::new();
                content.take(limit).read_to_end(&mut taken).map(|_| taken)
            }
        };
        for (first, second) in [(u64::MAX, u64::MAX), (10, u64::MAX), (u64::MAX, 10), (0, 0)] {
            let (a, b) = share(&mut &bytes[..], read(first), read(second));
            for (taken, limit) in [(a.unwrap(), first), (b.unwrap(), second)] {
                let length = usize::try_from(limit).unwrap().min(bytes.len());
                assert!(taken == bytes[..length], "{first} {second}");
            }
        }
    }

    #[test]
    fn an_error_of_the_stream_is_told() {
        let mut broken = (&b"abc"[..]).chain(Broken);
        let first = |content: &mut dyn Read| io::copy(content, &mut io::sink()).unwrap();
        let (count, said) = share(&mut broken, first, |_| Ok(()));
        assert_eq!((count, said.is_err()), (3, true));
    }

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
}
