//! The server as its users meet it: over HTTP, and with real clients.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and one that is skipped says so"
)]

mod auth;
mod clients;
mod crash;
mod demo;
mod ecr;
mod pushing;
mod registry;
mod s3;
