//! How ports of pods are reached.
use std::fmt;

use crate::{Later, Stream};

/// Opens connections in the network of a pod.
pub trait Dial: Send + Sync + fmt::Debug {
    /// Connects to a TCP port at the pod's own `localhost`. An error says what was tried.
    fn dial<'a>(&'a self, pod: &'a str, port: u16) -> Later<'a, Box<dyn Stream>>;
}
