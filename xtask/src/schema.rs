//! The table of Kubernetes' types, which a Go program prints from Kubernetes' own modules.
//!
//! `cargo xtask schema` needs Go and, the first time, the network; nothing else does.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

const GENERATOR: &str = "kubernetes/schema/generate";

/// What is run, and the file its output becomes.
const FILES: &[(&str, &str)] = &[
    (".", "kubernetes/schema/src/builtin.txt"),
    ("./vectors", "kubernetes/schema/src/proto/vectors.txt"),
];

pub(crate) fn write(root: &Path) -> Result<()> {
    for (program, file) in FILES {
        let output = Command::new("go")
            .args(["run", program])
            .current_dir(root.join(GENERATOR))
            .output()
            .context("cannot run go")?;
        if !output.status.success() {
            bail!(
                "go run {program}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        fs::write(root.join(file), output.stdout)
            .with_context(|| format!("cannot write {file}"))?;
        println!("{file}");
    }
    Ok(())
}
