//! The entrypoint of a pause container.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    wharf_sandbox::main(std::env::args_os().skip(1))
}

/// Pods need Linux; the workspace builds elsewhere too.
#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    ExitCode::FAILURE
}
