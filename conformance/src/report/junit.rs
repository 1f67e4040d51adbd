//! `JUnit`'s XML, which continuous integration reads.
use std::fmt::{self, Write as _};

use super::{CaseReport, Counts, Outcome, Report, escape::Escaped};

impl Report {
    /// One test suite for each category.
    pub fn to_junit_xml(&self) -> String {
        let mut xml = String::new();
        // Writing to a String does not fail.
        self.write_junit(&mut xml).ok();
        xml
    }

    fn write_junit(&self, xml: &mut String) -> fmt::Result {
        let Counts {
            failed, skipped, ..
        } = self.counts();
        let (total, seconds) = (self.cases.len(), self.seconds);
        writeln!(xml, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
        writeln!(
            xml,
            r#"<testsuites name="OCI distribution conformance of {}" tests="{total}" failures="{failed}" errors="0" skipped="{skipped}" time="{seconds:.3}">"#,
            Escaped(&self.registry),
        )?;
        for (category, cases, counts) in self.categories() {
            let (
                total,
                Counts {
                    failed, skipped, ..
                },
            ) = (counts.total(), counts);
            let seconds: f64 = cases.iter().map(|case| case.seconds).sum();
            let started_at = Escaped(&self.started_at);
            writeln!(
                xml,
                r#"  <testsuite name="{category}" tests="{total}" failures="{failed}" errors="0" skipped="{skipped}" time="{seconds:.3}" timestamp="{started_at}">"#,
            )?;
            cases.iter().try_for_each(|case| write_case(xml, case))?;
            writeln!(xml, "  </testsuite>")?;
        }
        writeln!(xml, "</testsuites>")
    }
}

fn write_case(xml: &mut String, case: &CaseReport) -> fmt::Result {
    let CaseReport {
        category,
        id,
        title,
        clause,
        seconds,
        ..
    } = case;
    let name = format!("{id}: {title} ({clause})");
    let name = Escaped(&name);
    let open = format!(
        r#"    <testcase name="{name}" classname="conformance.{category}" time="{seconds:.3}""#
    );
    match &case.outcome {
        Outcome::Pass => writeln!(xml, "{open}/>"),
        Outcome::Skip { reason } => {
            writeln!(
                xml,
                "{open}>\n      <skipped message=\"{}\"/>\n    </testcase>",
                Escaped(reason)
            )
        }
        Outcome::Fail { reasons } => {
            let (first, all) = (
                reasons.first().map_or("", String::as_str),
                reasons.join("\n"),
            );
            let (first, all) = (Escaped(first), Escaped(&all));
            writeln!(
                xml,
                "{open}>\n      <failure message=\"{first}\">{all}</failure>\n    </testcase>"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn cases_are_counted_and_text_is_escaped() {
        let xml = super::super::tests::example().to_junit_xml();
        assert!(
            xml.contains(r#"<testsuite name="push" tests="3" failures="1" errors="0" skipped="1""#)
        );
        assert!(xml.contains("A &lt;title&gt; &amp; more"));
        assert!(xml.contains("&lt;script&gt;") && !xml.contains("<script>"));
        assert!(xml.contains(r#"<skipped message="it&#39;s optional"/>"#));
        assert!(!xml.contains('\u{1}'));
        assert_eq!(xml.matches("<testcase ").count(), 3);
        assert_eq!(xml.matches("</testcase>").count(), 2);
    }
}
