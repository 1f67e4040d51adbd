//! `/version`: which Kubernetes the server says it is.
use serde_json::{Value, json};

/// A version of Kubernetes as EKS builds it.
struct Build {
    minor: &'static str,
    patch: &'static str,
    commit: &'static str,
    date: &'static str,
    go: &'static str,
}

/// The newest patch of every version that EKS offers, in the order of their age. The commits are
/// ours: they only have the shape.
const BUILDS: [Build; 7] = [
    Build {
        minor: "29",
        patch: "15",
        commit: "6b6a1f2a2b7a0c4f2c1e2f9f9a6f8d6f4be12c3d",
        date: "2025-06-27T05:43:28Z",
        go: "go1.23.8",
    },
    Build {
        minor: "30",
        patch: "14",
        commit: "4c6db1a3b1c9f6d80a92c7d26b7b7d38e0a1c9f2",
        date: "2025-07-15T04:51:09Z",
        go: "go1.23.10",
    },
    Build {
        minor: "31",
        patch: "12",
        commit: "9c2f5b41b6a43e9b3b7fb0b4a66b4c02f3b0b9a1",
        date: "2025-08-21T02:06:31Z",
        go: "go1.23.11",
    },
    Build {
        minor: "32",
        patch: "8",
        commit: "2b1f6e3c7f8f0d3f8e61a4c8f6a1d0b5c9e7f4a6",
        date: "2025-08-21T02:11:48Z",
        go: "go1.23.11",
    },
    Build {
        minor: "33",
        patch: "4",
        commit: "d3c5e0b7a9f24b61c8e2d7f40b95a36e1f8c2d04",
        date: "2025-08-21T02:16:21Z",
        go: "go1.24.5",
    },
    Build {
        minor: "34",
        patch: "1",
        commit: "b1a9c7d5e3f02468ace13579bdf02468ace1357b",
        date: "2025-09-18T08:20:02Z",
        go: "go1.24.6",
    },
    Build {
        minor: "35",
        patch: "0",
        commit: "e7f1a2c3b4d5968778695a4b3c2d1e0f9a8b7c6d",
        date: "2025-12-20T01:02:03Z",
        go: "go1.25.5",
    },
];

/// `/version` of a cluster of a version such as `1.33`.
pub fn version(of: &str) -> Value {
    let minor = of.strip_prefix("1.").unwrap_or(of);
    let known = BUILDS.iter().find(|build| build.minor == minor);
    let newest = BUILDS.last();
    let patch = known.map_or("0", |build| build.patch);
    let shape = known.or(newest);
    let text = |field: fn(&Build) -> &'static str| shape.map_or("", field);
    let commit = text(|build| build.commit);
    let short = commit.get(..7).unwrap_or_default();
    json!({
        "major": "1",
        "minor": minor,
        "emulationMajor": "1",
        "emulationMinor": minor,
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": previous(minor),
        "gitVersion": format!("v1.{minor}.{patch}-eks-{short}"),
        "gitCommit": commit,
        "gitTreeState": "clean",
        "buildDate": text(|build| build.date),
        "goVersion": text(|build| build.go),
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}

fn previous(minor: &str) -> String {
    let number: Option<u32> = minor.parse().ok();
    number.map_or_else(String::new, |number| number.saturating_sub(1).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_look_like_those_of_eks() {
        let version = version("1.33");
        assert_eq!(version["minor"], "33");
        assert_eq!(version["gitVersion"], "v1.33.4-eks-d3c5e0b");
        assert_eq!(version["gitTreeState"], "clean");
        let unknown = super::version("1.99");
        let text = unknown["gitVersion"].as_str().unwrap();
        assert!(text.starts_with("v1.99.0-eks-"), "{text}");
        for build in &BUILDS {
            assert_eq!(build.commit.len(), 40);
        }
    }
}
