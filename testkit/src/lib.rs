//! For tests: a server of one's own, clients for both its doors, images, and raw sockets.
//!
//! A test reads as a story. Every reply is checked on its way: errors are envelopes, lengths match.
//! Time is a clock that the test moves.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::return_self_not_must_use,
    reason = "a test that cannot go on fails"
)]

mod aws;
mod eventually;
mod image;
pub mod layer;
mod process;
mod raw;
mod registry;
mod server;
mod tools;
mod wire;

pub use aws::AwsReply;
pub use eventually::eventually;
pub use image::Image;
pub use process::Process;
pub use raw::{Raw, RawReply};
pub use registry::{Call, Reply};
pub use server::{TestServer, start_time};
pub use tools::{Tool, clients_required, tool};
