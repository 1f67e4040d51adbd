//! A range of numbers of which each is given out once.
use std::collections::HashSet;

/// Numbers from `first` to `last`; those below `reserved` are given out on demand only, as long as
/// there are others. People who choose numbers themselves take low ones.
#[derive(Debug)]
pub(super) struct Pool {
    first: u32,
    last: u32,
    reserved: u32,
    kept: Vec<u32>,
    used: HashSet<u32>,
}

impl Pool {
    /// `reserved` numbers at the start are left to those who ask for them.
    pub(super) fn new(first: u32, last: u32, reserved: u32) -> Self {
        Self {
            first,
            last,
            reserved: first.saturating_add(reserved).min(last),
            kept: Vec::new(),
            used: HashSet::new(),
        }
    }

    /// Gives some numbers only to those who ask for them, even if there are no others.
    pub(super) fn keeping(mut self, kept: impl IntoIterator<Item = u32>) -> Self {
        self.kept.extend(kept);
        self
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        (self.first..=self.last).contains(&number)
    }

    /// Takes a number; whether it was free.
    pub(super) fn take(&mut self, number: u32) -> bool {
        self.used.insert(number)
    }

    /// Takes a free number, the first one after a random place.
    pub(super) fn take_any(&mut self, random: u32) -> Option<u32> {
        let upper = self.search(self.reserved, self.last, random);
        let last_low = self.reserved.checked_sub(1);
        let found = upper.or_else(|| self.search(self.first, last_low?, random))?;
        self.used.insert(found);
        Some(found)
    }

    fn search(&self, low: u32, high: u32, random: u32) -> Option<u32> {
        let size = high.checked_sub(low)?.saturating_add(1);
        let start = low + random % size;
        let mut all = (start..=high).chain(low..start);
        all.find(|number| !self.used.contains(number) && !self.kept.contains(number))
    }

    pub(super) fn release(&mut self, number: u32) {
        self.used.remove(&number);
    }
}
