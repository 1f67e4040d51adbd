//! The base score of CVSS 3: <https://www.first.org/cvss/v3.1/specification-document>, section 7.
use super::Severity;

/// A vector of CVSS 3.0 or 3.1 with its base score.
#[derive(Clone, Debug, PartialEq)]
pub struct Cvss {
    pub vector: String,
    /// `3.0` or `3.1`.
    pub version: String,
    pub score: f64,
}

/// The longest vector: all metrics of all groups take less.
const MAX_VECTOR: usize = 200;

impl Cvss {
    /// Reads a vector. Temporal and environmental metrics are allowed, and do not count.
    pub fn parse(vector: &str) -> Option<Self> {
        let mut parts = vector.split('/');
        let version = parts.next()?.strip_prefix("CVSS:")?;
        if !matches!(version, "3.0" | "3.1") || vector.len() > MAX_VECTOR {
            return None;
        }
        let metrics: Vec<(&str, &str)> = parts
            .map(|part| part.split_once(':'))
            .collect::<Option<_>>()?;
        let metric = |name: &str| {
            let mut found = metrics.iter().filter(|(key, _)| *key == name);
            // A vector that has a metric twice is invalid.
            found
                .next()
                .filter(|_| found.next().is_none())
                .map(|(_, value)| *value)
        };
        let score = base_score(metric)?;
        Some(Self {
            vector: vector.to_owned(),
            version: version.to_owned(),
            score,
        })
    }

    pub fn severity(&self) -> Severity {
        Severity::of_score(self.score)
    }
}

fn base_score<'v>(metric: impl Fn(&str) -> Option<&'v str>) -> Option<f64> {
    let changed = match metric("S")? {
        "U" => false,
        "C" => true,
        _ => return None,
    };
    let attack_vector = match metric("AV")? {
        "N" => 0.85,
        "A" => 0.62,
        "L" => 0.55,
        "P" => 0.2,
        _ => return None,
    };
    let complexity = match metric("AC")? {
        "L" => 0.77,
        "H" => 0.44,
        _ => return None,
    };
    let privileges = match (metric("PR")?, changed) {
        ("N", _) => 0.85,
        ("L", false) => 0.62,
        ("L", true) => 0.68,
        ("H", false) => 0.27,
        ("H", true) => 0.5,
        _ => return None,
    };
    let interaction = match metric("UI")? {
        "N" => 0.85,
        "R" => 0.62,
        _ => return None,
    };
    let lost = |name| {
        Some(match metric(name)? {
            "H" => 0.56,
            "L" => 0.22,
            "N" => 0.0,
            _ => return None,
        })
    };
    let (c, i, a): (f64, f64, f64) = (lost("C")?, lost("I")?, lost("A")?);
    let iss = 1.0 - (1.0 - c) * (1.0 - i) * (1.0 - a);
    let impact = if changed {
        7.52 * (iss - 0.029) - 3.25 * (iss - 0.02).powi(15)
    } else {
        6.42 * iss
    };
    if impact <= 0.0 {
        return Some(0.0);
    }
    let exploitability: f64 = 8.22 * attack_vector * complexity * privileges * interaction;
    let sum = impact + exploitability;
    Some(round_up(if changed { 1.08 * sum } else { sum }.min(10.0)))
}

/// The smallest number of one decimal that is not less, as appendix A defines it for floating
/// point.
fn round_up(score: f64) -> f64 {
    let scaled = (score * 100_000.0).round();
    if scaled % 10_000.0 == 0.0 {
        scaled / 100_000.0
    } else {
        ((scaled / 10_000.0).floor() + 1.0) / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::too_many_lines, reason = "a table")]
    // The examples document of the specification, and NVD's published scores.
    #[test]
    fn base_scores_are_those_of_the_specifications_examples() {
        for (vector, score, severity) in [
            (
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N",
                6.1,
                Severity::Medium,
            ),
            (
                "CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N",
                6.4,
                Severity::Medium,
            ),
            (
                "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N",
                3.1,
                Severity::Low,
            ),
            (
                "CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H",
                7.8,
                Severity::High,
            ),
            (
                "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H",
                9.9,
                Severity::Critical,
            ),
            (
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
                7.5,
                Severity::High,
            ),
            (
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                9.8,
                Severity::Critical,
            ),
            (
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",
                10.0,
                Severity::Critical,
            ),
            (
                "CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
                6.8,
                Severity::Medium,
            ),
            (
                "CVSS:3.1/AV:A/AC:L/PR:N/UI:N/S:C/C:H/I:N/A:H",
                9.3,
                Severity::Critical,
            ),
            (
                "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:H/I:H/A:N",
                7.4,
                Severity::High,
            ),
            (
                "CVSS:3.0/AV:L/AC:H/PR:L/UI:N/S:U/C:H/I:H/A:H/E:P/RL:O",
                7.0,
                Severity::High,
            ),
            (
                "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N",
                0.0,
                Severity::Informational,
            ),
        ] {
            let cvss = Cvss::parse(vector).unwrap();
            assert!(
                (cvss.score - score).abs() < 1e-9,
                "{vector}: {}",
                cvss.score
            );
            assert_eq!(cvss.severity(), severity, "{vector}");
        }
    }

    #[test]
    fn what_is_no_vector_has_no_score() {
        for bad in [
            "",
            "9.8",
            "CVSS:2.0/AV:N",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
            "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:N/AC/PR:N/UI:N/S:U/C:H/I:H/A:H",
        ] {
            assert_eq!(Cvss::parse(bad), None, "{bad}");
        }
    }
}
