//! Which crate may use which, and which libraries only some crates may use.
//!
//! The folders are the architecture: these two tables are the whole of it. A new row or a new edge
//! is a change of the design; write the reason into ARCHITECTURE.md first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::Problems;

/// A crate of ours and the crates that it may use. Whoever may use a crate may also use what that
/// crate may use, so a row names only the nearest ones.
const EDGES: &[(&str, &[&str])] = &[
    ("wharf-types", &[]),
    ("wharf-storage", &["wharf-types"]),
    ("wharf-auth", &["wharf-types"]),
    ("wharf-scan", &["wharf-types"]),
    ("wharf-upstream", &["wharf-types"]),
    (
        "wharf-registry",
        &[
            "wharf-storage",
            "wharf-auth",
            "wharf-scan",
            "wharf-upstream",
        ],
    ),
    ("wharf-compute", &["wharf-types", "wharf-storage"]),
    ("wharf-sandbox", &[]),
    ("wharf-runtime", &["wharf-types", "wharf-sandbox"]),
    ("wharf-contract", &["wharf-runtime"]),
    ("wharf-builtin", &["wharf-runtime"]),
    ("wharf-balancer", &["wharf-runtime"]),
    ("wharf-docker", &["wharf-runtime"]),
    ("wharf-kubernetes-schema", &[]),
    (
        "wharf-kubernetes",
        &[
            "wharf-kubernetes-schema",
            "wharf-balancer",
            "wharf-storage",
            "wharf-auth",
        ],
    ),
    (
        "wharf-eks",
        &[
            "wharf-compute",
            "wharf-kubernetes",
            "wharf-runtime",
            "wharf-registry",
        ],
    ),
    ("wharf-aws", &["wharf-eks"]),
    ("wharf-conformance", &["wharf-types"]),
    (
        "wharf",
        &[
            "wharf-aws",
            "wharf-builtin",
            "wharf-docker",
            "wharf-conformance",
        ],
    ),
    ("wharf-testkit", &["wharf"]),
    ("wharf-tests", &["wharf-testkit"]),
    ("wharf-bench", &["wharf"]),
    ("xtask", &[]),
];

/// A library and the only crates that may name it.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("rusqlite", &["wharf-storage"]),
    ("object_store", &["wharf-storage"]),
    ("jsonwebtoken", &["wharf-auth"]),
    (
        "reqwest",
        &[
            "wharf-upstream",
            "wharf-conformance",
            "wharf",
            "wharf-testkit",
            "wharf-tests",
        ],
    ),
    ("anyhow", &["wharf", "wharf-bench", "xtask"]),
    ("clap", &["wharf", "wharf-bench", "xtask"]),
    ("metrics-exporter-prometheus", &["wharf"]),
    ("tracing-subscriber", &["wharf"]),
];

/// A crate of the workspace.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    /// Names of what it uses, without dev-dependencies: tests may use anything.
    uses: BTreeSet<String>,
}

/// Reads the workspace from cargo, without resolving anything.
pub(crate) fn members(root: &Path) -> Result<Vec<Member>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root)
        .output()
        .context("cannot run cargo metadata")?;
    if !output.status.success() {
        bail!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
    parse(&metadata)
}

fn parse(metadata: &Value) -> Result<Vec<Member>> {
    let packages = metadata["packages"].as_array().context("no packages")?;
    packages.iter().map(parse_package).collect()
}

fn parse_package(package: &Value) -> Result<Member> {
    let manifest = package["manifest_path"]
        .as_str()
        .context("no manifest_path")?;
    let dependencies = package["dependencies"]
        .as_array()
        .context("no dependencies")?;
    Ok(Member {
        name: package["name"].as_str().context("no name")?.to_owned(),
        folder: Path::new(manifest)
            .parent()
            .context("no folder")?
            .to_owned(),
        uses: dependencies
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .filter_map(|dependency| dependency["name"].as_str())
            .map(str::to_owned)
            .collect(),
    })
}

pub(crate) fn check_edges(members: &[Member]) -> Problems {
    let ours: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        EDGES.iter().map(|(name, _)| (*name, reach(name))).collect();
    let mut problems = Problems::new();
    for member in members {
        let Some(allowed) = allowed.get(member.name.as_str()) else {
            problems.push(format!(
                "{}: not in the table of xtask/src/crates.rs",
                member.name
            ));
            continue;
        };
        for used in &member.uses {
            if ours.contains(used.as_str()) && !allowed.contains(used.as_str()) {
                problems.push(format!("{} may not use {used}", member.name));
            }
        }
    }
    problems
}

/// Everything that may be used by way of the rows from `name` on.
fn reach(name: &str) -> BTreeSet<&'static str> {
    let mut reached = BTreeSet::new();
    let mut next = vec![name.to_owned()];
    while let Some(name) = next.pop() {
        let row = EDGES.iter().find(|(crate_name, _)| *crate_name == name);
        for used in row.map_or(&[] as &[&str], |(_, uses)| uses) {
            if reached.insert(*used) {
                next.push((*used).to_owned());
            }
        }
    }
    reached
}

pub(crate) fn check_libraries(members: &[Member]) -> Problems {
    let mut problems = Problems::new();
    for (library, allowed) in LIBRARIES {
        for member in members {
            if member.uses.contains(*library) && !allowed.contains(&member.name.as_str()) {
                let names = allowed.join(", ");
                problems.push(format!(
                    "{} may not use {library}: only {names}",
                    member.name
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn package(name: &str, uses: &[(&str, Option<&str>)]) -> Value {
        let dependencies: Vec<Value> = uses
            .iter()
            .map(|(name, kind)| json!({ "name": name, "kind": kind }))
            .collect();
        let manifest_path = format!("/w/{name}/Cargo.toml");
        json!({ "name": name, "manifest_path": manifest_path, "dependencies": dependencies })
    }

    fn workspace(packages: &[Value]) -> Vec<Member> {
        parse(&json!({ "packages": packages })).unwrap()
    }

    #[test]
    fn an_edge_that_points_down_is_a_problem() {
        let members = workspace(&[
            package("wharf-types", &[("wharf-storage", None)]),
            package("wharf-storage", &[("wharf-types", None)]),
        ]);
        assert_eq!(
            check_edges(&members),
            ["wharf-types may not use wharf-storage"]
        );
    }

    #[test]
    fn whoever_may_use_a_crate_may_use_what_it_uses() {
        let members = workspace(&[
            package("wharf-types", &[]),
            package("wharf", &[("wharf-types", None), ("serde", None)]),
        ]);
        assert_eq!(check_edges(&members), [""; 0]);
    }

    #[test]
    fn dev_dependencies_are_exempt_and_build_dependencies_are_not() {
        let members = workspace(&[
            package("wharf-types", &[("rusqlite", Some("dev"))]),
            package("wharf-auth", &[("rusqlite", Some("build"))]),
        ]);
        assert_eq!(
            check_libraries(&members),
            ["wharf-auth may not use rusqlite: only wharf-storage"]
        );
    }

    #[test]
    fn a_crate_without_a_row_is_a_problem() {
        let members = workspace(&[package("wharf-extra", &[])]);
        assert_eq!(check_edges(&members).len(), 1);
    }

    #[test]
    fn the_table_has_no_cycle_and_names_only_its_own_rows() {
        for (name, uses) in EDGES {
            assert!(!reach(name).contains(name), "{name} reaches itself");
            for used in *uses {
                assert!(
                    EDGES.iter().any(|(row, _)| row == used),
                    "{used} has no row"
                );
            }
        }
    }
}
