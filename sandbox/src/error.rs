use std::io;

/// Why the sandbox, or the link to it, does not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The peer broke the protocol. The link must be closed; the pod goes on.
    #[error("the peer broke the protocol: {0}")]
    Protocol(&'static str),
    /// Both sides are right, but of versions that share no protocol.
    #[error(
        "no common version: ours are {}-{}, the peer's are {}-{}",
        ours.0, ours.1, theirs.0, theirs.1
    )]
    Version {
        ours: (u16, u16),
        theirs: (u16, u16),
    },
    /// The kernel has no `nf_tables`, or lacks a part that service addresses need.
    #[error("nf_tables is missing")]
    NfTablesMissing(#[source] io::Error),
    /// Service addresses need `CAP_NET_ADMIN` in the pod's network namespace.
    #[error("not permitted to use nf_tables in this network namespace")]
    NotPermitted(#[source] io::Error),
    #[error("{what}")]
    Io {
        what: &'static str,
        #[source]
        source: io::Error,
    },
}

/// Names what failed, because a bare "permission denied" helps nobody.
pub(crate) trait During<T> {
    fn during(self, what: &'static str) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, what: &'static str) -> Result<T, Error> {
        self.map_err(|e| Error::Io {
            what,
            source: e.into(),
        })
    }
}
