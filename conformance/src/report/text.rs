//! The summary that a terminal shows.
use std::fmt;

use super::{Counts, Outcome, Report};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (
            category,
            _,
            Counts {
                passed,
                failed,
                skipped,
            },
        ) in self.categories()
        {
            writeln!(
                f,
                "{category:<12} {passed:>3} passed {failed:>3} failed {skipped:>3} skipped"
            )?;
        }
        for case in &self.cases {
            if let Outcome::Fail { reasons } = &case.outcome {
                writeln!(
                    f,
                    "\nFAIL {}/{}: {} [{}]",
                    case.category, case.id, case.title, case.clause
                )?;
                reasons
                    .iter()
                    .try_for_each(|reason| writeln!(f, "  {reason}"))?;
            }
        }
        let Counts {
            passed,
            failed,
            skipped,
        } = self.counts();
        let (total, checks, seconds) = (self.cases.len(), self.checks(), self.seconds);
        write!(
            f,
            "\n{total} cases with {checks} checks in {seconds:.1} s: \
             {passed} passed, {failed} failed, {skipped} skipped"
        )
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn failures_come_with_their_reasons() {
        let text = super::super::tests::example().to_string();
        assert!(
            text.starts_with("push           1 passed   1 failed   1 skipped\n"),
            "{text}"
        );
        assert!(text.contains("FAIL push/bad: A <title> & more [end-4a]\n  expected \"201\"\n"));
        assert!(text.ends_with("3 cases with 6 checks in 1.5 s: 1 passed, 1 failed, 1 skipped"));
    }
}
