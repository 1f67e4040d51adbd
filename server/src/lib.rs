//! The program `wharf`: command line, configuration, the listener, and what ties the crates
//! together. The only crate that uses `anyhow`.

mod admin;
mod app;
mod chores;
pub mod commands;
pub mod config;
mod engines;
pub mod guard;
mod images;
mod keys;
mod kubernetes;
mod lifecycle;
pub mod listen;
mod pods;
mod secrets;
mod server;
pub mod telemetry;

pub use server::{Server, StartError};
