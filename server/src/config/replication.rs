//! The table `[[replication.endpoint]]`: regions that are on other servers. Only in the file.
use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer};
use wharf_types::{AccountId, Region};
use wharf_upstream::push::Origin;

use super::{Error, Secret};

const KEY: &str = "replication.endpoint";

/// A region that is on another server, and how to log in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Only this account's registry is there, if one is named.
    pub account: Option<AccountId>,
    pub region: Region,
    pub origin: Origin,
    /// Certificates to trust besides those of the system.
    pub ca_pem: Option<String>,
    pub access_key_id: String,
    pub secret_access_key: Secret,
}

/// The table `[replication]`.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ReplicationSettings {
    endpoint: Vec<EndpointSettings>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct EndpointSettings {
    #[serde(default, deserialize_with = "maybe")]
    account: Option<AccountId>,
    #[serde(deserialize_with = "text")]
    region: Region,
    url: String,
    #[serde(default)]
    ca_file: Option<PathBuf>,
    access_key_id: String,
    #[serde(default)]
    secret_access_key: Option<String>,
    #[serde(default)]
    secret_access_key_file: Option<PathBuf>,
    #[serde(default)]
    allow_http: bool,
}

impl fmt::Debug for EndpointSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointSettings")
    }
}

fn text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: fmt::Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

fn maybe<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err: fmt::Display>,
{
    text(deserializer).map(Some)
}

impl ReplicationSettings {
    /// Whether there is a secret in the file itself, which then is nobody else's to read.
    pub(super) fn has_secrets(&self) -> bool {
        self.endpoint
            .iter()
            .any(|endpoint| endpoint.secret_access_key.is_some())
    }
}

/// Completes and checks the endpoints, reading the files that they name.
pub(super) fn endpoints(settings: Option<ReplicationSettings>) -> Result<Vec<Endpoint>, Error> {
    let mut found: Vec<Endpoint> = Vec::new();
    for settings in settings.unwrap_or_default().endpoint {
        let endpoint = endpoint(settings)?;
        let same =
            |other: &Endpoint| other.region == endpoint.region && other.account == endpoint.account;
        if found.iter().any(same) {
            let problem = format!("region {} is there twice", endpoint.region);
            return Err(Error::invalid(KEY, problem));
        }
        found.push(endpoint);
    }
    Ok(found)
}

fn endpoint(settings: EndpointSettings) -> Result<Endpoint, Error> {
    let origin = if settings.allow_http {
        Origin::insecure(&settings.url)
    } else {
        Origin::secure(&settings.url)
    };
    let origin = origin
        .map_err(|problem| Error::invalid(KEY, format!("url {:?} {problem}", settings.url)))?;
    let secret = match (settings.secret_access_key, settings.secret_access_key_file) {
        (Some(secret), None) => secret,
        (None, Some(path)) => read_secret(&path)?,
        (None, None) | (Some(_), Some(_)) => {
            let problem = "one of secret-access-key and secret-access-key-file is needed";
            return Err(Error::invalid(KEY, problem));
        }
    };
    let ca_pem = settings
        .ca_file
        .map(|path| fs::read_to_string(&path).map_err(|error| Error::file(&path, error)));
    Ok(Endpoint {
        account: settings.account,
        region: settings.region,
        origin,
        ca_pem: ca_pem.transpose()?,
        access_key_id: settings.access_key_id,
        secret_access_key: Secret::new(secret),
    })
}

fn read_secret(path: &Path) -> Result<String, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::file(path, error))?;
    check_private(path)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Refuses a file that others can read.
pub(super) fn check_private(path: &Path) -> Result<(), Error> {
    let metadata = fs::metadata(path).map_err(|error| Error::file(path, error))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        let problem = "there is a secret in it, and others can read it: chmod 600 it";
        return Err(Error::file(path, problem));
    }
    Ok(())
}
