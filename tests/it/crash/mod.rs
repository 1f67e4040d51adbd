//! What is acknowledged stays: killed processes, full disks, damaged files, and the collector.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

mod collecting;
mod commands;
mod damage;
mod database;
mod durable;
mod faults;
mod first_start;
mod full;
mod kills;
mod leases;
mod stopping;
