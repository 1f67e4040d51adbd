//! What a run found, and the forms it is shown in.
mod escape;
mod html;
mod junit;
mod text;

use serde::Serialize;
use wharf_types::RepoName;

use crate::{Category, Exchange};

/// What a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The address of the registry.
    pub registry: String,
    /// The repository that was pushed to.
    pub repo: RepoName,
    /// The repository that was mounted from.
    pub repo2: RepoName,
    /// When the first case began: UTC, as in RFC 3339.
    pub started_at: String,
    /// How long all cases took.
    pub seconds: f64,
    /// Every case that was run, in order.
    pub cases: Vec<CaseReport>,
}

/// What a case found.
#[derive(Clone, Debug, Serialize)]
pub struct CaseReport {
    /// The group it belongs to.
    pub category: Category,
    /// Its name, unique within the category.
    pub id: &'static str,
    /// A sentence that holds if it passes.
    pub title: &'static str,
    /// Who demands it.
    pub clause: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How many things were checked.
    pub checks: usize,
    /// How many requests were sent.
    pub requests: usize,
    /// How long it took, cleaning up included.
    pub seconds: f64,
    /// If it failed: the requests that led there and their answers.
    pub exchanges: Vec<Exchange>,
}

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum Outcome {
    /// The registry does as demanded.
    Pass,
    /// It does not.
    Fail {
        /// What was expected, and what came instead.
        reasons: Vec<String>,
    },
    /// It need not do this, and does not.
    Skip {
        /// What it does not do.
        reason: String,
    },
}

impl Outcome {
    /// `pass`, `FAIL` or `skip`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail { .. } => "FAIL",
            Self::Skip { .. } => "skip",
        }
    }

    /// Why it is not a pass.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        let reasons = match self {
            Self::Pass => &[],
            Self::Fail { reasons } => reasons.as_slice(),
            Self::Skip { reason } => std::slice::from_ref(reason),
        };
        reasons.iter().map(String::as_str)
    }
}

/// How many cases ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Those that passed.
    pub passed: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that were skipped.
    pub skipped: usize,
}

impl Counts {
    fn of<'r>(cases: impl Iterator<Item = &'r CaseReport>) -> Self {
        cases.fold(Self::default(), |mut counts, case| {
            match case.outcome {
                Outcome::Pass => counts.passed += 1,
                Outcome::Fail { .. } => counts.failed += 1,
                Outcome::Skip { .. } => counts.skipped += 1,
            }
            counts
        })
    }

    /// All of them.
    pub const fn total(self) -> usize {
        self.passed + self.failed + self.skipped
    }
}

impl Report {
    /// Whether no case failed.
    pub fn passed(&self) -> bool {
        self.counts().failed == 0
    }

    /// How many cases ended how.
    pub fn counts(&self) -> Counts {
        Counts::of(self.cases.iter())
    }

    /// The cases of a category, and how many of them ended how.
    fn of(&self, category: Category) -> (Vec<&CaseReport>, Counts) {
        let cases: Vec<_> = self
            .cases
            .iter()
            .filter(|case| case.category == category)
            .collect();
        let counts = Counts::of(cases.iter().copied());
        (cases, counts)
    }

    /// The categories that were run.
    fn categories(&self) -> impl Iterator<Item = (Category, Vec<&CaseReport>, Counts)> {
        let with_cases = Category::ALL.into_iter().map(|category| {
            let (cases, counts) = self.of(category);
            (category, cases, counts)
        });
        with_cases.filter(|(_, cases, _)| !cases.is_empty())
    }

    fn checks(&self) -> usize {
        self.cases.iter().map(|case| case.checks).sum()
    }

    /// All of it, for other programs.
    pub fn to_json(&self) -> String {
        // Only a map with keys that are no text could fail here, and there is none.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    /// A report with one case of each outcome, full of characters that must be escaped.
    pub(super) fn example() -> Report {
        let case = |id, outcome: Outcome| CaseReport {
            category: Category::Push,
            id,
            title: "A <title> & more",
            clause: "end-4a",
            checks: 2,
            requests: 3,
            seconds: 0.25,
            exchanges: match outcome {
                Outcome::Fail { .. } => vec![exchange()],
                _ => Vec::new(),
            },
            outcome,
        };
        let reasons = vec![
            "expected \"201\"".to_owned(),
            "<script>alert(1)</script>\u{1}".to_owned(),
        ];
        Report {
            registry: "http://localhost:5000/".into(),
            repo: "team/app".parse().unwrap(),
            repo2: "team/app-2".parse().unwrap(),
            started_at: "2026-01-02T03:04:05Z".into(),
            seconds: 1.5,
            cases: vec![
                case("good", Outcome::Pass),
                case("bad", Outcome::Fail { reasons }),
                case(
                    "other",
                    Outcome::Skip {
                        reason: "it's optional".into(),
                    },
                ),
            ],
        }
    }

    fn exchange() -> Exchange {
        Exchange {
            number: 1,
            method: "PUT".into(),
            url: "http://localhost:5000/?a=1&b='2'".into(),
            request: Message {
                headers: vec![("a".into(), "<b>".into())],
                ..Message::default()
            },
            status: Some(500),
            answer: Message {
                body: "</pre></details>".into(),
                ..Message::default()
            },
        }
    }

    #[test]
    fn cases_are_counted() {
        let report = example();
        assert_eq!(
            report.counts(),
            Counts {
                passed: 1,
                failed: 1,
                skipped: 1
            }
        );
        assert_eq!(report.counts().total(), 3);
        assert!(!report.passed());
    }

    #[test]
    fn json_has_everything() {
        let json: serde_json::Value = serde_json::from_str(&example().to_json()).unwrap();
        assert_eq!(json["cases"][1]["outcome"]["result"], "fail");
        assert_eq!(json["cases"][1]["category"], "push");
        assert_eq!(json["cases"][1]["exchanges"][0]["status"], 500);
        assert_eq!(json["cases"][2]["outcome"]["reason"], "it's optional");
    }
}
