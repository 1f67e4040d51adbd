//! Settings of a registry as a whole, as ECR has them.
use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Owner, Read};
use wharf_types::Registry;

use crate::{Cx, Error};

/// A setting by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountSetting {
    /// What scans images.
    BasicScanTypeVersion,
    /// What a registry's policy may decide on.
    RegistryPolicyScope,
    /// Whether a push may take a layer from another repository of the registry. Unlike with ECR it
    /// is on unless it is turned off: the distribution specification's conformance suite mounts.
    BlobMounting,
}

/// What a setting was set to: a document of the registry, named by the setting.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Value {
    value: String,
}

impl Document for Value {
    const KIND: &'static str = "account-setting";
}

impl AccountSetting {
    pub const ALL: [Self; 3] = [
        Self::BasicScanTypeVersion,
        Self::RegistryPolicyScope,
        Self::BlobMounting,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BasicScanTypeVersion => "BASIC_SCAN_TYPE_VERSION",
            Self::RegistryPolicyScope => "REGISTRY_POLICY_SCOPE",
            Self::BlobMounting => "BLOB_MOUNTING",
        }
    }

    /// What it can be set to. The first is the default.
    pub const fn values(self) -> &'static [&'static str] {
        match self {
            Self::BasicScanTypeVersion => &["AWS_NATIVE"],
            Self::RegistryPolicyScope => &["V2", "V1"],
            Self::BlobMounting => &["ENABLED", "DISABLED"],
        }
    }

    /// What it is in a registry.
    pub fn of(self, tx: &Read<'_>, registry: &Registry) -> Result<String, wharf_storage::Error> {
        let set = tx.document::<Value>(&Owner::Registry(registry.clone()), self.as_str())?;
        let default = self.values().first().copied().unwrap_or_default();
        Ok(set.map_or_else(|| default.to_owned(), |set| set.body.value))
    }
}

impl std::str::FromStr for AccountSetting {
    type Err = std::fmt::Error;

    fn from_str(s: &str) -> Result<Self, std::fmt::Error> {
        Self::ALL
            .into_iter()
            .find(|setting| setting.as_str() == s)
            .ok_or(std::fmt::Error)
    }
}

/// What a setting is.
pub async fn get(cx: &Cx, registry: &Registry, setting: AccountSetting) -> Result<String, Error> {
    let registry = registry.clone();
    let found = cx
        .store
        .meta()
        .read(move |tx| Ok::<_, Error>(setting.of(tx, &registry)?));
    found.await
}

/// Sets a setting to one of its values.
pub async fn put(
    cx: &Cx,
    registry: &Registry,
    setting: AccountSetting,
    value: &'static str,
) -> Result<(), Error> {
    let (owner, now) = (Owner::Registry(registry.clone()), cx.store.now());
    let value = Value {
        value: value.to_owned(),
    };
    let set = cx
        .store
        .meta()
        .write(move |tx| Ok::<_, Error>(tx.put_document(&owner, setting.as_str(), &value, now)?));
    set.await
}
