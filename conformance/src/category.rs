//! The groups that cases are selected by.
use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// A group of cases that can be run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Finding out that this is a registry.
    Ping,
    /// Reading blobs and manifests.
    Pull,
    /// Every way to upload a blob or a manifest.
    Push,
    /// The life of every kind of document: pushed, listed, pulled, deleted.
    Shapes,
    /// Taking a blob over from another repository.
    Mount,
    /// Lists of tags and their pages.
    Tags,
    /// The list of repositories.
    Catalog,
    /// What refers to a manifest.
    Referrers,
    /// Deleting tags, manifests and blobs.
    Delete,
    /// Parts of a blob.
    Range,
    /// `ETag`, `If-None-Match`, `If-Match`.
    Conditional,
    /// What must still be accepted, and what no longer.
    Limits,
    /// Several clients at once.
    Concurrency,
    /// Digests other than sha256.
    Digests,
    /// Wrong requests and what they are answered with.
    Errors,
}

impl Category {
    /// Every category, in the order in which they are run.
    pub const ALL: [Self; 15] = [
        Self::Ping,
        Self::Pull,
        Self::Push,
        Self::Shapes,
        Self::Mount,
        Self::Tags,
        Self::Catalog,
        Self::Referrers,
        Self::Delete,
        Self::Range,
        Self::Conditional,
        Self::Limits,
        Self::Concurrency,
        Self::Digests,
        Self::Errors,
    ];

    /// The word that selects this category on a command line.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// What its cases look at, in one phrase.
    pub const fn summary(self) -> &'static str {
        self.row().1
    }

    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::Ping => ("ping", "finding out that this is a registry"),
            Self::Pull => ("pull", "reading blobs and manifests"),
            Self::Push => ("push", "every way to upload a blob or a manifest"),
            Self::Shapes => ("shapes", "the whole life of every kind of document"),
            Self::Mount => ("mount", "taking a blob over from another repository"),
            Self::Tags => ("tags", "lists of tags and their pages"),
            Self::Catalog => ("catalog", "the list of repositories"),
            Self::Referrers => ("referrers", "what refers to a manifest"),
            Self::Delete => ("delete", "deleting tags, manifests and blobs"),
            Self::Range => ("range", "parts of a blob"),
            Self::Conditional => ("conditional", "ETag, If-None-Match and If-Match"),
            Self::Limits => ("limits", "what is still accepted, and what no longer"),
            Self::Concurrency => ("concurrency", "several clients at once"),
            Self::Digests => ("digests", "digests other than sha256"),
            Self::Errors => ("errors", "wrong requests and their answers"),
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Category {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A word that selects no category.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no category {0:?}; there are {list}", list = Category::ALL.map(Category::name).join(", "))]
pub struct UnknownCategory(String);

impl FromStr for Category {
    type Err = UnknownCategory;

    fn from_str(s: &str) -> Result<Self, UnknownCategory> {
        let named = |c: &Self| c.name() == s;
        let found = Self::ALL.into_iter().find(named);
        found.ok_or_else(|| UnknownCategory(s.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_selected_by_the_name_it_shows() {
        for category in Category::ALL {
            assert_eq!(category.to_string().parse(), Ok(category));
        }
        let error = "pus".parse::<Category>().unwrap_err().to_string();
        assert!(
            error.contains("pus") && error.contains("push, shapes"),
            "{error}"
        );
    }

    #[test]
    fn all_has_every_category_once_and_in_order() {
        assert!(Category::ALL.is_sorted_by(|a, b| a < b));
    }
}
