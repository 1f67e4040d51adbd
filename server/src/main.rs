//! ECR on your own machine.
use std::process::ExitCode;

fn main() -> ExitCode {
    wharf::commands::main()
}
