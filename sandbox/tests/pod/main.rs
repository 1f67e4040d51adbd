//! The sandbox in network namespaces of its own, as a pod has them. Needs root and `nf_tables`.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and one that is skipped says so"
)]

mod addresses;
mod names;
mod process;
mod speed;
mod support;
mod tunnel;
