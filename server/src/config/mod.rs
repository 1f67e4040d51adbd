//! The command line and the configuration: read once, here, before anything starts.
//!
//! A setting comes from its flag, else from its `WHARF_` variable, else from `wharf.toml`, else from
//! its default. All three are the same list (`Settings`): a flag `--gc-grace` is the variable
//! `WHARF_GC_GRACE` and the key `gc-grace`. What comes out is a [`Config`], which is checked and
//! plain: nothing behind it asks the environment again.
use std::{
    ffi::OsString,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use wharf_registry::pull_through::Origin;
use wharf_types::{AccountId, Region};

use self::settings::Settings;
pub use self::{
    cli::{Backup, Check, Command, Conformance, Env, Gc, Lifecycle, Login, Prune, Trust},
    demo::Demo,
    ready::Ready,
    replication::Endpoint,
    settings::{ClusterEndpoint, Durability, EngineChoice, LogFormat, References, UriStyle},
};

mod cli;
mod demo;
mod duration;
mod layers;
mod ready;
mod replication;
mod resolve;
mod settings;

#[cfg(test)]
mod tests;

/// Everything that can be set, checked.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where the bytes of blobs are kept.
    pub store: Store,
    /// Whether clients are sent to the bucket for layers.
    pub redirect: bool,
    /// The account of keys that name none.
    pub account: AccountId,
    /// The region of requests that name none.
    pub region: Region,
    /// Who may call.
    pub auth: Auth,
    /// What repositories are called in answers.
    pub uri_style: UriStyle,
    /// Names that are ours besides `localhost` and those of AWS, in lower case.
    pub public_hosts: Vec<String>,
    /// Whether other machines may call without signatures being verified.
    pub allow_insecure_listen: bool,
    /// Whether a push makes the repository that it names.
    pub create_on_push: bool,
    /// Whether a manifest may name what is not there.
    pub references: References,
    /// Where the advisories are that images are scanned with.
    pub vulnerability_db: Option<PathBuf>,
    /// Whether what is acknowledged survives a power cut.
    pub durability: Durability,
    /// What runs pods.
    pub engine: EngineChoice,
    /// Where Docker may be.
    pub docker: wharf_docker::Places,
    /// Whether bytes are hashed again whenever they are read.
    pub verify_reads: bool,
    /// How long a round of checking all bytes at rest takes.
    pub scrub_interval: Duration,
    /// How often bytes without a name are looked for.
    pub gc_interval: Duration,
    /// How long bytes without a name are kept.
    pub gc_grace: Duration,
    /// How often lifecycle policies are applied.
    pub lifecycle_interval: Duration,
    /// How long clusters, node groups and profiles stay in states such as `CREATING`.
    pub transition_delay: Duration,
    /// Where clusters are reached.
    pub cluster_endpoint: ClusterEndpoint,
    /// Whether `POST /_wharf/reset` clears all state.
    pub allow_reset: bool,
    /// What running requests get to finish in after a signal to stop.
    pub drain: Duration,
    /// Where pull-through cache rules may lead besides the registries that ECR has.
    pub upstream_allow: Vec<Origin>,
    /// How long fetching a layer from an upstream may take.
    pub upstream_timeout: Duration,
    /// The file of secrets with upstreams' credentials.
    pub secrets: Option<PathBuf>,
    /// What is logged, and how.
    pub log: Log,
    /// Regions that are on other servers.
    pub replication: Vec<Endpoint>,
}

impl Config {
    /// The defaults, in the given directory. Asks neither the environment nor any file.
    ///
    /// # Errors
    ///
    /// Never, unless a default of ours does not parse.
    pub fn new(data_dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let settings = Settings {
            data_dir: Some(data_dir.into()),
            ..Settings::default()
        };
        resolve::config(settings, &|_| None)
    }

    /// The socket over which commands talk to a running server.
    pub fn admin_socket(&self) -> PathBuf {
        self.data_dir.join("admin.sock")
    }
}

/// Where the bytes of blobs are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In the data directory.
    Local,
    S3(S3),
}

/// A bucket, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3 {
    pub bucket: String,
    /// What all keys begin with, without a slash at either end; may be empty.
    pub prefix: String,
    /// The URL of a server that is not AWS.
    pub endpoint: Option<String>,
    pub region: String,
    pub access_key_id: String,
    pub secret_access_key: Secret,
    /// Whether the endpoint may be plain HTTP.
    pub allow_http: bool,
}

/// Text that is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Whoever reaches us, with any access key.
    Local,
    /// Who signs with a key of this file.
    Strict { credentials: PathBuf },
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// A level, or directives as of `tracing-subscriber`'s `EnvFilter`.
    pub filter: String,
}

/// Why there is no configuration. The program ends with status 2.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A wrong command line, or help or the version was asked for: `exit()` it.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// A variable of the environment does not parse.
    #[error("{name}: {problem}")]
    Environment { name: String, problem: String },
    /// The file cannot be read, is not TOML, has an unknown key or a value that does not parse.
    #[error("{}: {problem}", path.display())]
    File { path: PathBuf, problem: String },
    /// A value, wherever it came from, is not possible.
    #[error("{key}: {problem}")]
    Invalid {
        /// The key as it is in the file; the flag is the same with two dashes.
        key: &'static str,
        problem: String,
    },
}

impl Error {
    fn invalid(key: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid {
            key,
            problem: problem.into(),
        }
    }

    fn file(path: &Path, problem: impl fmt::Display) -> Self {
        Self::File {
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }
}

/// What the environment says; an empty value is none.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads this process's command line and environment.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks the environment"
)]
pub fn load() -> Result<Command, Error> {
    parse(std::env::args_os(), &|name| std::env::var(name).ok())
}

/// [`load`] with everything but the file system given. The first argument is the program's name.
pub fn parse(
    args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Command, Error> {
    let env = |name: &str| env(name).filter(|value| !value.is_empty());
    cli::parse(args, &env)
}
