//! Why no case could be run.
use wharf_types::RepoName;

/// What stops a run before its first case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one of a registry.
    #[error("{text:?} is not the address of a registry: {reason}")]
    Address {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No second repository can be named after the first.
    #[error("name a second repository, {0} is too long to derive one")]
    SecondRepository(RepoName),
    /// The cases that mount blobs need two repositories.
    #[error("the second repository must be another one than {0}")]
    SameRepository(RepoName),
    /// The extra certificates are none.
    #[error("there is no PEM certificate in the given file")]
    NoCertificate,
    /// The extra certificates cannot be used, or TLS cannot be set up.
    #[error("cannot set up HTTP")]
    Client(#[source] reqwest::Error),
    /// Nothing answers.
    #[error("cannot reach the registry: {0}")]
    Unreachable(String),
    /// `/v2/` answered 401 and no credentials were given.
    #[error("the registry demands credentials: give a user name and a password")]
    CredentialsNeeded,
    /// `/v2/` answered 401 to the credentials.
    #[error("the registry refuses the credentials: {0}")]
    CredentialsRefused(String),
    /// Something answers, and it is no registry.
    #[error("GET /v2/ answered {0}: this is not a registry")]
    NotARegistry(u16),
    /// The registry does not make repositories on the first push.
    #[error(
        "repository {missing} does not exist and the registry does not create it on push: \
         create {first} and {second} first"
    )]
    NoRepository {
        /// The one that the registry does not know.
        missing: RepoName,
        /// The repository that most cases use.
        first: RepoName,
        /// The repository that mounts come from.
        second: RepoName,
    },
    /// The credentials are good and may not push.
    #[error("these credentials may not push to {repo}: {answer}")]
    MayNotPush {
        /// The repository that was tried.
        repo: RepoName,
        /// What the registry said.
        answer: String,
    },
}
