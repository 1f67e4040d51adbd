//! The table of cases: one row each, in the file of its category.
mod catalog;
mod concurrency;
mod conditional;
mod delete;
mod digests;
mod errors;
mod limits;
mod mount;
mod ping;
mod pull;
mod push;
mod range;
mod referrers;
mod shapes;
mod tags;

use futures::future::BoxFuture;

use crate::{Category, client::Verdict, cx::Cx};

/// What a case does. It ends early with what it found, or counts its checks in the context.
pub(crate) type Run = for<'a> fn(&'a Cx<'a>) -> BoxFuture<'a, Verdict>;

/// One thing that is demanded of a registry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Unique within its category.
    pub(crate) id: &'static str,
    /// A sentence that holds if the case passes.
    pub(crate) title: &'static str,
    /// Who demands it: an endpoint or a section of the distribution specification, an RFC, or the
    /// clients that rely on it.
    pub(crate) clause: &'static str,
    pub(crate) run: Run,
}

const fn case(id: &'static str, title: &'static str, clause: &'static str, run: Run) -> Case {
    Case {
        id,
        title,
        clause,
        run,
    }
}

/// The cases of a category, in the order in which they are run.
pub(crate) const fn of(category: Category) -> &'static [Case] {
    match category {
        Category::Ping => ping::CASES,
        Category::Pull => pull::CASES,
        Category::Push => push::CASES,
        Category::Shapes => shapes::CASES,
        Category::Mount => mount::CASES,
        Category::Tags => tags::CASES,
        Category::Catalog => catalog::CASES,
        Category::Referrers => referrers::CASES,
        Category::Delete => delete::CASES,
        Category::Range => range::CASES,
        Category::Conditional => conditional::CASES,
        Category::Limits => limits::CASES,
        Category::Concurrency => concurrency::CASES,
        Category::Digests => digests::CASES,
        Category::Errors => errors::CASES,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_category_has_cases_whose_ids_are_unique() {
        for category in Category::ALL {
            let cases = of(category);
            assert!(!cases.is_empty(), "{category}");
            let ids: HashSet<_> = cases.iter().map(|case| case.id).collect();
            assert_eq!(ids.len(), cases.len(), "{category}");
        }
    }

    #[test]
    fn every_row_is_complete() {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        for case in Category::ALL.into_iter().flat_map(of) {
            assert!(
                !case.id.is_empty() && case.id.chars().all(word),
                "{}",
                case.id
            );
            assert!(
                !case.title.is_empty() && !case.title.ends_with('.'),
                "{}",
                case.id
            );
            assert!(!case.clause.is_empty(), "{}", case.id);
        }
    }
}
