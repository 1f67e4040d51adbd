//! Ports of the user's machine that lead into pods.
//!
//! # Guarantees
//! * A change of the targets counts for the next connection; connections that there are stay.
//! * A connection that one target does not take goes to another one.
//! * Each direction of a connection ends by itself, as TCP has it.
//! * When a [`Listener`] ends, its port is free and its connections are closed.

mod choice;
mod http;
mod listener;
#[cfg(test)]
mod tests;

pub use http::{
    Backend, BadCertificate, Certificate, Certificates, HttpListener, PathMatch, Route, Routes,
};
pub use listener::{Listener, Targets};
