//! Several short texts in one piece.

/// Texts that never change, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    all: Box<str>,
    /// Where each ends.
    ends: Box<[u32]>,
}

impl Texts {
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let before = index
            .checked_sub(1)
            .and_then(|before| self.ends.get(before));
        let place = |at: u32| usize::try_from(at).ok();
        self.all
            .get(place(before.copied().unwrap_or(0))?..place(end)?)
    }
}

impl<T: AsRef<str>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut all = String::new();
        let ends = texts.into_iter().map(|text| {
            all.push_str(text.as_ref());
            // An object is much shorter.
            u32::try_from(all.len()).unwrap_or(u32::MAX)
        });
        let ends = ends.collect();
        Self {
            all: all.into(),
            ends,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_found_even_if_some_are_empty() {
        let texts: Texts = ["", "a", "", "b\u{0}ü", ""].into_iter().collect();
        let found: Vec<&str> = (0..5).filter_map(|index| texts.get(index)).collect();
        assert_eq!(found, ["", "a", "", "b\u{0}ü", ""]);
        assert_eq!(texts.get(5), None);
    }
}
