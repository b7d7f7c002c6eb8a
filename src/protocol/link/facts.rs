//! Columns of small numbers: the same for all modules, or one for each.

use std::collections::HashMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

/// One number where all are the same, otherwise one for each module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids(Vec<u32>);

impl Ids {
    pub fn of(numbers: impl Iterator<Item = u32>) -> Self {
        let mut numbers: Vec<u32> = numbers.collect();
        if numbers.windows(2).all(|pair| pair[0] == pair[1]) {
            numbers.truncate(1);
        }
        Self(numbers)
    }

    /// All `count` of them.
    pub fn read(&self, count: usize) -> Option<Vec<u32>> {
        match self.0.as_slice() {
            [one] if count > 0 => Some(vec![*one; count]),
            numbers if numbers.len() == count => Some(numbers.to_vec()),
            _ => None,
        }
    }
}

/// Distinct values, numbered in the order in which they come first.
#[derive(Clone, Debug)]
pub struct Numbered<K, T> {
    pub values: Vec<T>,
    known: HashMap<K, u32>,
}

impl<K: Eq + Hash, T> Default for Numbered<K, T> {
    fn default() -> Self {
        Self { values: Vec::new(), known: HashMap::new() }
    }
}

impl<K: Eq + Hash, T> Numbered<K, T> {
    /// The number of a value, told apart from others by `key`.
    pub fn id(&mut self, key: K, value: impl FnOnce() -> T) -> u32 {
        // There are no more values than modules and texts of them.
        let next = self.values.len() as u32;
        *self.known.entry(key).or_insert_with(|| {
            self.values.push(value());
            next
        })
    }
}

/// A small difference as a number without a sign: 2·d, or −2·d − 1 below zero; what does not fit stops at the ends.
pub fn zigzag(difference: i64) -> u32 {
    let bounded = difference.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
    (bounded << 1 ^ bounded >> 31) as u32
}

pub fn unzigzag(code: u32) -> i64 {
    i64::from((code >> 1) as i32 ^ -((code & 1) as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_differences_come_back() {
        for numbers in [vec![], vec![7], vec![7, 7, 7], vec![7, 8, 7]] {
            let ids = Ids::of(numbers.iter().copied());
            assert_eq!(ids.read(numbers.len()), Some(numbers.clone()));
            assert_eq!(ids.read(numbers.len() + 1).is_some(), ids.0.len() == 1);
        }
        assert_eq!(Ids::of([7, 7].into_iter()).read(0), None);
        for d in [0, 1, -1, 2, 1000, -1000, i64::from(i32::MAX), i64::from(i32::MIN)] {
            assert_eq!(unzigzag(zigzag(d)), d);
        }
        assert_eq!([0, -1, 1, -2].map(zigzag), [0, 1, 2, 3]);
    }
}
