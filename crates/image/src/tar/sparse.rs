//! Files with holes: where the stored bytes belong.

/// Runs `(offset, length)` of stored bytes in a file of `size` bytes; the rest is zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Map {
    runs: Vec<(u64, u64)>,
    size: u64,
}

impl Map {
    /// Checks that the runs are in order, do not overlap, stay within `size` and hold exactly the
    /// `stored` bytes.
    pub(super) fn new(runs: Vec<(u64, u64)>, size: u64, stored: u64) -> Option<Self> {
        let mut end = 0;
        let mut total: u64 = 0;
        for &(offset, length) in &runs {
            if offset < end {
                return None;
            }
            end = offset.checked_add(length)?;
            total = total.checked_add(length)?;
        }
        let runs = runs.into_iter().filter(|run| run.1 > 0).collect();
        (end <= size && total == stored).then_some(Self { runs, size })
    }

    /// From alternating offsets and lengths.
    pub(super) fn from_numbers(numbers: &[u64], size: u64, stored: u64) -> Option<Self> {
        let pairs = numbers.chunks_exact(2);
        if !pairs.remainder().is_empty() {
            return None;
        }
        Self::new(pairs.map(|pair| (pair[0], pair[1])).collect(), size, stored)
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// What is at `position`, which is before the end: so many stored bytes, or so many zeros.
    pub(super) fn at(&self, position: u64) -> Piece {
        let next = self.runs.partition_point(|(offset, length)| offset + length <= position);
        match self.runs.get(next) {
            Some(&(offset, length)) if offset <= position => {
                Piece::Stored(offset + length - position)
            }
            Some(&(offset, _)) => Piece::Hole(offset - position),
            None => Piece::Hole(self.size - position),
        }
    }
}

/// A part of a sparse file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Stored(u64),
    Hole(u64),
}
