//! Classes of entities that no policy tells apart.

use super::bits::Bits;

/// Numbers sorted into classes, which are split until every set seen is a union of classes.
#[derive(Debug)]
pub(crate) struct Partition {
    class_of: Vec<usize>,
    sizes: Vec<usize>,
    /// For the split under way, of each class: how many of it are within, and their new class.
    within: Vec<(usize, usize)>,
}

impl Partition {
    /// One class of all numbers below `length`.
    pub(crate) fn new(length: usize) -> Self {
        Self { class_of: vec![0; length], sizes: vec![length], within: vec![(0, 0)] }
    }

    /// Splits the classes that are partly in `set`. Takes time by the size of the set.
    pub(crate) fn split(&mut self, set: &Bits) {
        let mut touched = Vec::new();
        for number in set.iter() {
            let class = self.class_of[number];
            if self.within[class].0 == 0 {
                touched.push(class);
            }
            self.within[class].0 += 1;
        }
        for class in &touched {
            let count = self.within[*class].0;
            self.within[*class].1 = *class;
            if count < self.sizes[*class] {
                self.within[*class].1 = self.sizes.len();
                self.sizes[*class] -= count;
                self.sizes.push(count);
                self.within.push((0, 0));
            }
        }
        for number in set.iter() {
            self.class_of[number] = self.within[self.class_of[number]].1;
        }
        touched.into_iter().for_each(|class| self.within[class] = (0, 0));
    }

    /// The classes, numbered in the order in which their first members come.
    pub(crate) fn finish(self) -> Classes {
        let mut numbers = vec![None; self.sizes.len()];
        let mut members: Vec<Vec<usize>> = Vec::new();
        let mut class_of = Vec::with_capacity(self.class_of.len());
        for (index, class) in self.class_of.into_iter().enumerate() {
            let number = *numbers[class].get_or_insert_with(|| {
                members.push(Vec::new());
                members.len() - 1
            });
            members[number].push(index);
            class_of.push(number);
        }
        Classes { class_of, members }
    }
}

/// The result of a partition.
#[derive(Debug)]
pub(crate) struct Classes {
    class_of: Vec<usize>,
    members: Vec<Vec<usize>>,
}

impl Classes {
    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn of(&self, number: usize) -> usize {
        self.class_of[number]
    }

    pub(crate) fn members(&self, class: usize) -> &[usize] {
        &self.members[class]
    }

    /// A set of numbers that is a union of classes, as a set of classes.
    pub(crate) fn fold(&self, set: &Bits) -> Bits {
        Bits::of(self.count(), set.iter().map(|number| self.class_of[number]))
    }
}
