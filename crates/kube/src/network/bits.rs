//! Sets of small numbers as words of bits.

use std::ops::{BitAnd, BitOr, Not};

/// A set of numbers below a length that is fixed when it is made. Operations on two sets expect
/// the same length.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Bits {
    words: Vec<u64>,
    length: usize,
}

const WORD: usize = 64;

impl Bits {
    /// No number below `length`.
    pub(crate) fn none(length: usize) -> Self {
        Self { words: vec![0; length.div_ceil(WORD)], length }
    }

    /// Every number below `length`.
    pub(crate) fn all(length: usize) -> Self {
        let mut bits = Self { words: vec![u64::MAX; length.div_ceil(WORD)], length };
        bits.clear_tail();
        bits
    }

    /// The numbers of `members`.
    pub(crate) fn of(length: usize, members: impl IntoIterator<Item = usize>) -> Self {
        let mut bits = Self::none(length);
        members.into_iter().for_each(|member| bits.insert(member));
        bits
    }

    /// What the numbers are below.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn insert(&mut self, number: usize) {
        self.words[number / WORD] |= 1 << (number % WORD);
    }

    pub(crate) fn insert_range(&mut self, numbers: std::ops::Range<usize>) {
        let (mut at, end) = (numbers.start, numbers.end.min(self.length));
        while at < end {
            if at.is_multiple_of(WORD) && end - at >= WORD {
                self.words[at / WORD] = u64::MAX;
                at += WORD;
            } else {
                self.insert(at);
                at += 1;
            }
        }
    }

    pub(crate) fn contains(&self, number: usize) -> bool {
        self.words[number / WORD] >> (number % WORD) & 1 == 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a |= b);
    }

    pub(crate) fn remove(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= !b);
    }

    pub(crate) fn keep(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }

    /// The numbers in the set, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words
            .iter()
            .enumerate()
            .flat_map(|(index, word)| Ones(*word).map(move |bit| index * WORD + bit))
    }

    fn clear_tail(&mut self) {
        let used = self.length % WORD;
        if let (Some(last), true) = (self.words.last_mut(), used != 0) {
            *last &= (1 << used) - 1;
        }
    }
}

impl BitAnd for &Bits {
    type Output = Bits;

    fn bitand(self, other: Self) -> Bits {
        let mut result = self.clone();
        result.keep(other);
        result
    }
}

impl BitOr for &Bits {
    type Output = Bits;

    fn bitor(self, other: Self) -> Bits {
        let mut result = self.clone();
        result.add(other);
        result
    }
}

impl Not for &Bits {
    type Output = Bits;

    fn not(self) -> Bits {
        let mut result =
            Bits { words: self.words.iter().map(|word| !word).collect(), length: self.length };
        result.clear_tail();
        result
    }
}

/// The places of the ones in a word.
struct Ones(u64);

impl Iterator for Ones {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const LENGTH: usize = 200;

    proptest! {
        /// Bits do what sets of numbers do, over the ends of words too.
        #[test]
        fn bits_are_sets(
            a in prop::collection::btree_set(0..LENGTH, 0..40),
            b in prop::collection::btree_set(0..LENGTH, 0..40),
            from in 0..LENGTH, to in 0..LENGTH,
        ) {
            let bits = |set: &BTreeSet<usize>| Bits::of(LENGTH, set.iter().copied());
            let set = |bits: &Bits| bits.iter().collect::<BTreeSet<_>>();
            prop_assert_eq!(set(&(&bits(&a) & &bits(&b))), &a & &b);
            prop_assert_eq!(set(&(&bits(&a) | &bits(&b))), &a | &b);
            prop_assert_eq!(set(&!&bits(&a)), &(0..LENGTH).collect() - &a);
            let mut less = bits(&a);
            less.remove(&bits(&b));
            prop_assert_eq!(set(&less), &a - &b);
            prop_assert_eq!(&!&Bits::none(LENGTH), &Bits::all(LENGTH));
            let mut range = Bits::none(LENGTH);
            range.insert_range(from..to);
            prop_assert_eq!(set(&range), (from..to).collect());
        }
    }
}
