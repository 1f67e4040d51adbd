//! Sets of completion indexes, as statuses hold them: `0,2-5`.
use std::fmt;

/// Rising intervals that do not touch each other; both ends are part of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Indexes(Vec<(i64, i64)>);

impl Indexes {
    /// Reads what was written, as far as it is below the number of completions. What cannot be read
    /// is left out.
    pub(super) fn parse(text: &str, completions: i64) -> Self {
        let parse = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let first: i64 = first.parse().ok()?;
            let last: i64 = last.parse().ok()?;
            let last = last.min(completions - 1);
            (0 <= first && first <= last).then_some((first, last))
        };
        let mut parts: Vec<(i64, i64)> = text.split(',').filter_map(parse).collect();
        parts.sort_unstable();
        Self::joined(parts)
    }

    /// Of intervals that rise and may touch each other or overlap.
    fn joined(rising: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut joined: Vec<(i64, i64)> = Vec::new();
        for (first, last) in rising {
            match joined.last_mut() {
                Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        Self(joined)
    }

    /// With some more.
    pub(super) fn with(&self, more: impl IntoIterator<Item = i64>) -> Self {
        self.merged(more.into_iter().map(|index| (index, index)))
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        self.merged(other.0.iter().copied())
    }

    fn merged(&self, more: impl Iterator<Item = (i64, i64)>) -> Self {
        let mut all: Vec<(i64, i64)> = self.0.iter().copied().chain(more).collect();
        all.sort_unstable();
        Self::joined(all)
    }

    pub(super) fn total(&self) -> i64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, index: i64) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < index);
        self.0.get(at).is_some_and(|(first, _)| *first <= index)
    }

    /// How many are in both.
    pub(super) fn common(&self, other: &Self) -> i64 {
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut common = 0;
        while let (Some(a), Some(b)) = (ours.peek(), theirs.peek()) {
            common += (a.1.min(b.1) - a.0.max(b.0) + 1).max(0);
            if a.1 < b.1 {
                ours.next();
            } else {
                theirs.next();
            }
        }
        common
    }

    /// The first ones that are not in it.
    pub(super) fn missing(&self, completions: i64, count: usize) -> Vec<i64> {
        let end = (completions, completions);
        let mut next = 0;
        let mut missing = Vec::new();
        for (first, last) in self.0.iter().copied().chain([end]) {
            let left = count.saturating_sub(missing.len());
            missing.extend((next..first.min(completions)).take(left));
            next = next.max(last + 1);
        }
        missing
    }
}

impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_written_compactly_and_read_again() {
        let written = |text: &str, n| Indexes::parse(text, n).to_string();
        assert_eq!(written("", 9), "");
        assert_eq!(written("0", 9), "0");
        assert_eq!(written("0,1", 9), "0,1");
        assert_eq!(written("0,1,2", 9), "0-2");
        assert_eq!(written("0-1,3-5,7", 9), "0,1,3-5,7");
        assert_eq!(written("0-100,200", 5), "0-4");
        assert_eq!(written("x,2,-5,3-y,7", 9), "2,7");
        assert_eq!(Indexes::parse("0-1,3-5,7", 9).total(), 6);
    }

    #[test]
    fn they_join() {
        let some = Indexes::parse("0,2,6-8", 20);
        assert_eq!(some.with([1, 9, 12]).to_string(), "0-2,6-9,12");
        let other = Indexes::parse("3-7,19", 20);
        assert_eq!(some.union(&other).to_string(), "0,2-8,19");
        assert_eq!(some.common(&other), 2);
        let has: Vec<i64> = (0..10).filter(|index| some.has(*index)).collect();
        assert_eq!(has, [0, 2, 6, 7, 8]);
    }

    #[test]
    fn what_is_missing_comes_in_order() {
        let some = Indexes::parse("0,2,6-8", 10);
        assert_eq!(some.missing(10, 3), [1, 3, 4]);
        assert_eq!(some.missing(10, 99), [1, 3, 4, 5, 9]);
        assert_eq!(some.missing(4, 99), [1, 3]);
        assert_eq!(some.missing(10, 0), [0; 0]);
        assert_eq!(Indexes::default().missing(2, 9), [0, 1]);
    }
}
