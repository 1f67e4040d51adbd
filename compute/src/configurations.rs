//! Launch configurations: what groups launched instances with before there were templates.
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wharf_storage::Document;
use wharf_types::{Registry, Timestamp};

use crate::{Code, Cx, Error, groups::Group, groups::Source, launch::Parameters};

/// The most launch configurations.
pub const MAX: usize = 200;

/// A launch configuration. Named by its name; never changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Configuration {
    pub name: String,
    /// The last part of its ARN.
    pub uuid: String,
    pub created_ms: i64,
    pub image: String,
    pub instance_type: String,
    pub key_name: Option<String>,
    pub security_groups: Vec<String>,
    /// Base64.
    pub user_data: Option<String>,
    pub profile: Option<String>,
    pub spot_price: Option<String>,
    /// Members that are only shown.
    pub more: Map<String, Value>,
}

impl Document for Configuration {
    const KIND: &'static str = "compute-launch-configuration";
}

impl Configuration {
    pub const fn created(&self) -> Timestamp {
        Timestamp::from_ms(self.created_ms)
    }

    /// What an instance is launched with.
    pub(crate) fn parameters(&self) -> Parameters {
        Parameters {
            image: Some(self.image.clone()),
            instance_type: Some(self.instance_type.clone()),
            key_name: self.key_name.clone(),
            security_groups: self.security_groups.clone(),
            user_data: self.user_data.clone(),
            profile: self.profile.clone(),
            spot: self.spot_price.is_some(),
            ..Parameters::default()
        }
    }
}

/// Adds a launch configuration. Its time and UUID are given to it.
pub async fn create(cx: &Cx, place: &Registry, new: Configuration) -> Result<(), Error> {
    let done = cx.change(place, move |tx| {
        let (owner, name) = (&tx.here.owner, &new.name);
        if tx.tx.document::<Configuration>(owner, name)?.is_some() {
            let text = format!(
                "Launch Configuration by this name already exists - A launch configuration already exists with the name {name}"
            );
            return Err(Error::refused(Code::Exists, text));
        }
        if tx.tx.count_documents::<Configuration>(owner)? >= MAX {
            let text = format!("The limit of {MAX} launch configurations is reached.");
            return Err(Error::refused(Code::LimitExceeded, text));
        }
        let new = Configuration {
            uuid: uuid::Uuid::new_v4().to_string(),
            created_ms: tx.now.as_ms(),
            ..new.clone()
        };
        Ok(tx.tx.put_document(owner, name, &new, tx.now)?)
    });
    done.await
}

/// All launch configurations, by name.
pub async fn list(cx: &Cx, place: &Registry) -> Result<Vec<Configuration>, Error> {
    let found = cx.ask(place, |tx, here| {
        Ok(tx.documents::<Configuration>(&here.owner, "", MAX)?)
    });
    Ok(found.await?.into_iter().map(|stored| stored.body).collect())
}

/// Removes a launch configuration that no group needs.
pub async fn delete(cx: &Cx, place: &Registry, name: String) -> Result<(), Error> {
    let done = cx.change(place, move |tx| {
        let owner = &tx.here.owner;
        for group in tx.tx.documents::<Group>(owner, "", usize::MAX >> 1)? {
            if group.body.source == Source::Configuration(name.clone()) {
                let text = format!(
                    "Cannot delete launch configuration {name} because it is attached to AutoScalingGroup {}",
                    group.name
                );
                return Err(Error::refused(Code::InUse, text));
            }
        }
        if tx.tx.delete_document::<Configuration>(owner, &name)? {
            return Ok(());
        }
        let text = format!(
            "Launch configuration name not found - Launch configuration {name} not found"
        );
        Err(Error::invalid(text))
    });
    done.await
}
