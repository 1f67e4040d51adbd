//! Prints the shapes of all inputs, as `tests/clients/model.py` compares them with AWS's model.
use std::io::Write as _;

fn main() -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{:#}", wharf_aws::inputs())
}
