//! What can go wrong.
use std::io;

use rustix::io::Errno;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("wrong arguments")]
    Usage,
    #[error("input or output failed")]
    Io(#[source] io::Error),
    #[error("cannot {what}")]
    Step {
        what: &'static str,
        #[source]
        source: Errno,
    },
    #[error("the layer is broken: {0}")]
    Layer(String),
    #[error("the message is not understood")]
    Wire(#[source] serde_json::Error),
    #[error("the container could not be made")]
    Container(#[source] Box<libcontainer::error::LibcontainerError>),
    #[error("{0}")]
    Refused(String),
    #[error("the network of the pod could not be made: {0}")]
    Network(String),
    #[error("the tables of a network could not be made")]
    Tables(#[source] Box<wharf_sandbox::Error>),
}

impl Error {
    /// Makes an error of a system call that did not do this.
    pub(crate) const fn step(what: &'static str) -> impl Fn(Errno) -> Self {
        move |source| Self::Step { what, source }
    }

    /// The error and its causes, in one line.
    pub(crate) fn chain(&self) -> String {
        wharf_types::chain(self)
    }
}

impl From<libcontainer::error::LibcontainerError> for Error {
    fn from(error: libcontainer::error::LibcontainerError) -> Self {
        Self::Container(Box::new(error))
    }
}
