//! The list of settings: one field is a flag, a variable, and a key of the file.
use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum, builder::BoolishValueParser};
use serde::{Deserialize, Deserializer, de};
use wharf_registry::pull_through::Origin;
use wharf_types::{AccountId, Region};

use super::{duration::Span, replication::ReplicationSettings};

/// Settings of one source, or of several laid over each other; `None` is not set.
#[derive(Args, Deserialize, Clone, Debug, Default)]
#[expect(
    clippy::doc_markdown,
    reason = "the text of --help, which is read as it is"
)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Settings {
    /// Keep everything in this directory [default: $XDG_DATA_HOME/wharf or ~/.local/share/wharf]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Read settings from this file [default: <data-dir>/wharf.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Serve HTTP and TLS on this address; repeats [default: 127.0.0.1:4566]
    #[arg(long, value_name = "IP:PORT", value_delimiter = ',', help_heading = NETWORK)]
    #[serde(deserialize_with = "list")]
    pub listen: Option<Vec<SocketAddr>>,

    /// Answer to this host name too; repeats
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = NETWORK)]
    #[serde(deserialize_with = "list")]
    pub public_host: Option<Vec<String>>,

    /// Let other machines in without verifying who calls
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", hide_possible_values = true, value_parser = BoolishValueParser::new(),
        help_heading = NETWORK)]
    pub allow_insecure_listen: Option<bool>,

    /// Give running requests this long to finish when told to stop [default: 30s]
    #[arg(long, value_name = "DURATION", help_heading = NETWORK)]
    #[serde(deserialize_with = "text")]
    pub drain: Option<Span>,

    /// Keep the bytes of blobs here: local, or s3://BUCKET/PREFIX [default: local]
    #[arg(long, value_name = "URL", help_heading = STORAGE)]
    #[serde(deserialize_with = "text")]
    pub store: Option<StoreUrl>,

    /// Send clients to the bucket for layers, with URLs that expire; needs an s3:// store
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", hide_possible_values = true, value_parser = BoolishValueParser::new(),
        help_heading = STORAGE)]
    pub redirect: Option<bool>,

    /// Answer when bytes are on the disk (full), or sooner, for data to throw away (relaxed)
    /// [default: full]
    #[arg(long, value_name = "HOW", hide_possible_values = true, help_heading = STORAGE)]
    pub durability: Option<Durability>,

    /// Run pods in containers of this program (builtin: Linux, root) or of Docker (docker), only
    /// pretend to (simulated), or the first of these that works (auto) [default: auto]
    #[arg(long, value_name = "ENGINE", hide_possible_values = true, help_heading = KUBERNETES)]
    pub engine: Option<EngineChoice>,

    /// Hash bytes again whenever they are read, and cut the answer off if they are damaged
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", hide_possible_values = true, value_parser = BoolishValueParser::new(),
        help_heading = STORAGE)]
    pub verify_reads: Option<bool>,

    /// Check all bytes at rest once in this time [default: 7d]
    #[arg(long, value_name = "DURATION", help_heading = STORAGE)]
    #[serde(deserialize_with = "text")]
    pub scrub_interval: Option<Span>,

    /// Look for bytes that nothing names this often [default: 1h]
    #[arg(long, value_name = "DURATION", help_heading = STORAGE)]
    #[serde(deserialize_with = "text")]
    pub gc_interval: Option<Span>,

    /// Keep bytes that nothing names for this long [default: 24h]
    #[arg(long, value_name = "DURATION", help_heading = STORAGE)]
    #[serde(deserialize_with = "text")]
    pub gc_grace: Option<Span>,

    /// Apply lifecycle policies this often [default: 1h]
    #[arg(long, value_name = "DURATION", help_heading = REGISTRY)]
    #[serde(deserialize_with = "text")]
    pub lifecycle_interval: Option<Span>,

    /// Leave clusters and what is in them in states such as CREATING for this long [default: 0s]
    #[arg(long, value_name = "DURATION", help_heading = KUBERNETES)]
    #[serde(deserialize_with = "text")]
    pub transition_delay: Option<Span>,

    /// Where clusters are reached: at a port of their own, or below the main port [default: port]
    #[arg(long, value_enum, value_name = "WHERE", help_heading = KUBERNETES)]
    pub cluster_endpoint: Option<ClusterEndpoint>,

    /// Take this account for keys that name none [default: 000000000000]
    #[arg(long, value_name = "ID", help_heading = REGISTRY)]
    #[serde(deserialize_with = "text")]
    pub account: Option<AccountId>,

    /// Take this region for requests that name none [default: $AWS_REGION or us-east-1]
    #[arg(long, value_name = "REGION", help_heading = REGISTRY)]
    #[serde(deserialize_with = "text")]
    pub region: Option<Region>,

    /// Call repositories localhost:4566/NAME (localhost), or as AWS does (aws)
    /// [default: localhost]
    #[arg(long, value_name = "STYLE", hide_possible_values = true, help_heading = REGISTRY)]
    pub uri_style: Option<UriStyle>,

    /// Make a repository when something is pushed to it
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", hide_possible_values = true, value_parser = BoolishValueParser::new(),
        help_heading = REGISTRY)]
    pub create_on_push: Option<bool>,

    /// Demand that what a manifest names is there (strict), or not (sparse) [default: strict]
    #[arg(long, value_name = "HOW", hide_possible_values = true, help_heading = REGISTRY)]
    pub references: Option<References>,

    /// Scan images with the advisories in this directory, which are in the OSV format
    #[arg(long, value_name = "DIR", help_heading = REGISTRY)]
    pub vulnerability_db: Option<PathBuf>,

    /// Clear all state at POST /_wharf/reset, for test suites
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", hide_possible_values = true, value_parser = BoolishValueParser::new(),
        help_heading = REGISTRY)]
    pub allow_reset: Option<bool>,

    /// Accept any access key (local), or verify signatures and enforce policies (strict)
    /// [default: local]
    #[arg(long, value_name = "WHO", hide_possible_values = true, help_heading = ACCESS)]
    pub auth: Option<AuthMode>,

    /// Verify signatures with the keys in this file, and enforce the policies it names
    #[arg(long, value_name = "FILE", help_heading = ACCESS)]
    pub credentials: Option<PathBuf>,

    /// Log at this level: error, warn, info, debug, trace, or TARGET=LEVEL,… [default: info]
    #[arg(long, value_name = "LEVEL", help_heading = LOGS)]
    pub log: Option<String>,

    /// Log lines to read (text), or to process (json) [default: text]
    #[arg(long, value_name = "FORMAT", hide_possible_values = true, help_heading = LOGS)]
    pub log_format: Option<LogFormat>,

    /// Let pull-through cache rules name this registry too, wherever it is; repeats
    #[arg(long, value_name = "URL", value_delimiter = ',', help_heading = UPSTREAMS)]
    #[serde(deserialize_with = "list")]
    pub upstream_allow: Option<Vec<Origin>>,

    /// Give an upstream this long for a layer [default: 1h]
    #[arg(long, value_name = "DURATION", help_heading = UPSTREAMS)]
    #[serde(deserialize_with = "text")]
    pub upstream_timeout: Option<Span>,

    /// Take the secrets with upstreams' credentials from this file
    #[arg(long, value_name = "FILE", help_heading = UPSTREAMS)]
    pub secrets: Option<PathBuf>,

    #[arg(skip)]
    pub s3: S3Settings,

    #[arg(skip)]
    pub replication: Option<ReplicationSettings>,
}

const NETWORK: &str = "Network";
const STORAGE: &str = "Storage";
const REGISTRY: &str = "Registry";
const KUBERNETES: &str = "Kubernetes";
const ACCESS: &str = "Access";
const LOGS: &str = "Logs";
const UPSTREAMS: &str = "Pull-through cache";

/// How to reach S3: the table `[s3]`, or `WHARF_S3_` variables. Not flags: all can read those.
#[derive(Deserialize, Clone, Default)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct S3Settings {
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub access_key_id: Option<String>,
    pub secret_access_key: Option<String>,
    pub allow_http: Option<bool>,
}

impl fmt::Debug for S3Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("S3Settings")
    }
}

/// Takes each field from the upper layer, else from the lower. Leaving one out does not compile.
macro_rules! layer {
    ($upper:ident over $lower:ident: $($field:ident)*) => {
        Self { $($field: $upper.$field.or($lower.$field)),* }
    };
}

impl Settings {
    /// These settings, and those of `lower` where these say nothing.
    pub(super) fn or(self, lower: Self) -> Self {
        layer!(self over lower:
            data_dir config listen public_host allow_insecure_listen drain store redirect durability engine
            verify_reads scrub_interval gc_interval gc_grace lifecycle_interval
            transition_delay cluster_endpoint account region uri_style
            create_on_push references vulnerability_db allow_reset auth credentials log log_format
            upstream_allow upstream_timeout secrets s3 replication)
    }
}

impl S3Settings {
    fn or(self, lower: Self) -> Self {
        layer!(self over lower: endpoint region access_key_id secret_access_key allow_http)
    }
}

/// Where clusters are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterEndpoint {
    /// At a port of their own: `https://127.0.0.1:40123`
    Port,
    /// Below the main port: `https://localhost:4566/k8s/<id>`
    Path,
}

/// What repositories are called in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UriStyle {
    /// `localhost:4566/<name>`
    Localhost,
    /// `<account>.dkr.ecr.<region>.amazonaws.com/<name>`
    Aws,
}

/// Whether a manifest may name what is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum References {
    /// All that a manifest names must be there before it.
    Strict,
    /// On `/v2/`, what a manifest names may come later, or never.
    Sparse,
}

/// Whether what is acknowledged survives a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    Full,
    Relaxed,
}

/// What runs pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EngineChoice {
    /// What the machine allows.
    #[default]
    Auto,
    /// Containers of this program.
    Builtin,
    /// Containers of Docker.
    Docker,
    /// Nothing runs.
    Simulated,
}

/// Who may call; [`super::Auth`] without its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AuthMode {
    Local,
    Strict,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    Text,
    Json,
}

/// [`super::Store`] without what the URL does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StoreUrl {
    Local,
    S3 { bucket: String, prefix: String },
}

impl FromStr for StoreUrl {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a store is `local` or s3://BUCKET/PREFIX";
        if url == "local" {
            return Ok(Self::Local);
        }
        let rest = url.strip_prefix("s3://").ok_or(FORM)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(letter) {
            return Err("the name of a bucket is 3 to 63 of a-z, 0-9, - and .");
        }
        let prefix = prefix.trim_end_matches('/');
        let segment =
            |s: &str| !matches!(s, "" | "." | "..") && s.bytes().all(|b| b.is_ascii_graphic());
        if !(prefix.is_empty() || prefix.split('/').all(segment)) || prefix.contains(['?', '#']) {
            return Err(FORM);
        }
        Ok(Self::S3 {
            bucket: bucket.into(),
            prefix: prefix.into(),
        })
    }
}

/// A value that the file has as text.
fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(de::Error::custom)
}

/// A list of such values, or one of them.
fn list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text or a list of texts was expected")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    let texts = match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    };
    let parse = |text: String| {
        text.parse()
            .map_err(|error| de::Error::custom(format_args!("{text:?}: {error}")))
    };
    texts
        .into_iter()
        .map(parse)
        .collect::<Result<_, _>>()
        .map(Some)
}
