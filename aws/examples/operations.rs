//! Prints `docs/operations.md`.
use std::io::Write as _;

fn main() -> std::io::Result<()> {
    write!(std::io::stdout(), "{}", wharf_aws::operations_page())
}
