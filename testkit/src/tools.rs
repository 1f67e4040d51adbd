use std::process::{Command, Output};

/// A program of the machine that a test drives.
#[derive(Clone, Debug)]
pub struct Tool {
    name: String,
    envs: Vec<(String, String)>,
}

/// Finds a program. Where it is not installed the test prints so and ends, except in CI
/// (`WHARF_REQUIRE_CLIENTS`), where it fails.
pub fn tool(name: &str) -> Option<Tool> {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$0\"", name])
        .output()
        .is_ok_and(|o| o.status.success());
    if found {
        return Some(Tool {
            name: name.into(),
            envs: Vec::new(),
        });
    }
    assert!(!clients_required(), "{name} is not installed");
    println!("skipped: {name} is not installed");
    None
}

/// Whether a test that cannot run its client must fail.
#[expect(
    clippy::disallowed_methods,
    reason = "a switch of the tests, not of the server"
)]
pub fn clients_required() -> bool {
    std::env::var("WHARF_REQUIRE_CLIENTS").is_ok()
}

impl Tool {
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.envs.push((name.into(), value.into()));
        self
    }

    /// Runs it and returns everything.
    pub fn output(&self, args: &[&str]) -> Output {
        let envs = self.envs.iter().map(|(k, v)| (k, v));
        Command::new(&self.name)
            .args(args)
            .envs(envs)
            .output()
            .unwrap()
    }

    /// Runs it, demands success, and returns what it printed.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> String {
        let output = self.output(args);
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(
            output.status.success(),
            "{} {args:?}: {out}{err}",
            self.name
        );
        out.into_owned()
    }
}
