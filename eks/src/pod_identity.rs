//! Pod identity associations: which role the pods of a service account act as.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wharf_storage::{Document, Read, Stored, Write};
use wharf_types::{Registry, Timestamp};

use crate::{
    Cx, Error, Place, Token, checks,
    parts::{self, Part, Shown},
    pods::webhook,
};

/// The most associations of a cluster.
pub const MAX_ASSOCIATIONS: usize = 5000;

/// The longest policy.
const MAX_POLICY: usize = 2048;

/// An association: a document named by cluster and id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    pub id: String,
    pub namespace: String,
    pub service_account: String,
    pub role_arn: String,
    /// The ARN of the add-on that it belongs to.
    #[serde(default)]
    pub owner_arn: Option<String>,
    #[serde(default)]
    pub disable_session_tags: bool,
    #[serde(default)]
    pub target_role_arn: Option<String>,
    #[serde(default)]
    pub policy: Option<String>,
    #[serde(default)]
    pub token: Option<Token>,
}

impl Document for Association {
    const KIND: &'static str = "eks-pod-identity-association";
}

impl Part for Association {
    fn missing(cluster: &str, id: &str) -> Error {
        Error::not_found(format!("Association not found: {id}")).cluster(cluster)
    }

    fn arn(&self, registry: &Registry, cluster: &str) -> String {
        crate::arn(
            registry,
            &format!("podidentityassociation/{cluster}/{}", self.id),
        )
    }
}

impl Association {
    /// What a target role's trust policy can demand, so that no other association assumes it.
    pub fn external_id(&self, registry: &Registry, cluster: &str) -> Option<String> {
        self.target_role_arn.as_ref()?;
        let Registry { account, region } = registry;
        let Self {
            namespace,
            service_account,
            ..
        } = self;
        Some(format!(
            "{region}/{account}/{cluster}/{namespace}/{service_account}"
        ))
    }

    fn check(&self) -> Result<(), Error> {
        checks::role_arn("roleArn", &self.role_arn)?;
        if let Some(target) = &self.target_role_arn {
            checks::role_arn("targetRoleArn", target)?;
        }
        let Some(policy) = &self.policy else {
            return Ok(());
        };
        if !self.disable_session_tags {
            return Err(Error::invalid_parameter(
                "disableSessionTags must be set to true when a policy is specified.",
            ));
        }
        let length = policy.chars().count();
        let parsed: Option<Value> = serde_json::from_str(policy).ok();
        if length > MAX_POLICY
            || !parsed.is_some_and(|policy| {
                policy["Statement"].is_array() || policy["Statement"].is_object()
            })
        {
            return Err(Error::invalid_parameter(format!(
                "The policy must be an IAM policy in JSON of up to {MAX_POLICY} characters."
            )));
        }
        Ok(())
    }
}

/// What an association is made of.
#[derive(Clone, Debug, Default, Serialize)]
pub struct NewAssociation {
    pub cluster: String,
    pub namespace: String,
    pub service_account: String,
    pub role_arn: String,
    pub disable_session_tags: bool,
    pub target_role_arn: Option<String>,
    pub policy: Option<String>,
    pub tags: BTreeMap<String, String>,
}

impl NewAssociation {
    fn association(&self, token: Option<Token>) -> Result<Association, Error> {
        if !parts::is_label(&self.namespace) {
            let text = format!("The namespace {:?} is not valid.", self.namespace);
            return Err(Error::invalid_parameter(text));
        }
        if !parts::is_subdomain(&self.service_account) {
            let text = format!(
                "The service account {:?} is not valid.",
                self.service_account
            );
            return Err(Error::invalid_parameter(text));
        }
        let empty_is_none = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let association = Association {
            id: format!("a-{}", parts::letters(17)),
            namespace: self.namespace.clone(),
            service_account: self.service_account.clone(),
            role_arn: self.role_arn.clone(),
            owner_arn: None,
            disable_session_tags: self.disable_session_tags,
            target_role_arn: empty_is_none(&self.target_role_arn),
            policy: empty_is_none(&self.policy),
            token,
        };
        association.check()?;
        Ok(association)
    }
}

/// All associations of a cluster.
pub fn all(
    tx: &Read<'_>,
    registry: &Registry,
    cluster: &str,
) -> Result<Vec<Stored<Association>>, Error> {
    parts::list(tx, registry, cluster, "", MAX_ASSOCIATIONS)
}

/// Stores an association, unless its service account has one or there are too many.
pub(crate) fn add(
    tx: &Write<'_>,
    at: &Place,
    new: &Association,
    tags: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<(), Error> {
    let cluster = at.cluster();
    let all = all(tx, &at.registry, cluster)?;
    let same = |found: &&Stored<Association>| {
        found.body.namespace == new.namespace && found.body.service_account == new.service_account
    };
    if let Some(found) = all.iter().find(same) {
        let text = format!("Association already exists: {}", found.body.id);
        return Err(Error::in_use(text).cluster(cluster));
    }
    if all.len() >= MAX_ASSOCIATIONS {
        let text = format!(
            "Cluster {cluster} cannot have more than {MAX_ASSOCIATIONS} pod identity associations."
        );
        return Err(Error::limit(text).cluster(cluster));
    }
    parts::add(tx, at, new, tags, now)
}

/// Adds an association.
pub async fn create(
    cx: &Cx,
    registry: &Registry,
    new: NewAssociation,
    token: Option<&str>,
) -> Result<Shown<Association>, Error> {
    checks::tags(&new.tags)?;
    let made = new.association(Token::of(token, &new)?)?;
    let registry_of = registry;
    let (registry, now) = (registry.clone(), cx.now());
    let created = cx.store.meta().write(move |tx| {
        let cluster = &new.cluster;
        parts::active(tx, &registry, cluster)?;
        for found in all(tx, &registry, cluster)? {
            if Token::repeats(made.token.as_ref(), found.body.token.as_ref())? {
                return parts::shown(tx, &registry, cluster, found);
            }
        }
        let at = Place::within(&registry, cluster, &made.id);
        add(tx, &at, &made, &new.tags, now)?;
        parts::show(tx, &registry, cluster, &made.id)
    });
    let created = created.await?;
    configure(cx, registry_of, &created.cluster).await?;
    Ok(created)
}

/// Brings the associations to the cluster's next pod, before whoever changed them is answered.
async fn configure(cx: &Cx, registry: &Registry, cluster: &str) -> Result<(), Error> {
    webhook::configure(cx, &Place::of_cluster(registry, cluster)).await
}

/// Finds an association.
pub async fn get(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    id: String,
) -> Result<Shown<Association>, Error> {
    parts::get(cx, registry, cluster, id).await
}

/// Which associations are listed.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub namespace: Option<String>,
    pub service_account: Option<String>,
}

/// The associations of a cluster after an id.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    filter: Filter,
    after: String,
) -> Result<Vec<Association>, Error> {
    let matches =
        |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    let mut found = parts::all::<Association>(cx, registry, cluster, after).await?;
    found.retain(|association| {
        matches(&filter.namespace, &association.namespace)
            && matches(&filter.service_account, &association.service_account)
    });
    Ok(found)
}

/// What an update may change; what is `None` stays as it is, and empty text takes away.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub role_arn: Option<String>,
    pub disable_session_tags: Option<bool>,
    pub target_role_arn: Option<String>,
    pub policy: Option<String>,
}

impl Changes {
    fn is_empty(&self) -> bool {
        self.role_arn.is_none()
            && self.disable_session_tags.is_none()
            && self.target_role_arn.is_none()
            && self.policy.is_none()
    }

    fn apply(&self, association: &mut Association) -> Result<(), Error> {
        if let Some(role) = &self.role_arn {
            association.role_arn.clone_from(role);
        }
        if let Some(disable) = self.disable_session_tags {
            association.disable_session_tags = disable;
        }
        let text = |changed: &String| Some(changed.clone()).filter(|text| !text.is_empty());
        if let Some(target) = &self.target_role_arn {
            association.target_role_arn = text(target);
        }
        if let Some(policy) = &self.policy {
            association.policy = text(policy);
        }
        association.check()
    }
}

fn owned(association: &Association) -> Result<(), Error> {
    match &association.owner_arn {
        None => Ok(()),
        Some(owner) => Err(Error::invalid_request(format!(
            "Association {} is owned by {owner} and can only be changed with it.",
            association.id
        ))),
    }
}

/// Changes an association.
pub async fn update(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    id: String,
    changes: Changes,
) -> Result<Shown<Association>, Error> {
    if changes.is_empty() {
        return Err(Error::invalid_parameter(
            "At least one of roleArn, targetRoleArn, disableSessionTags and policy must be specified.",
        ));
    }
    let (registry, now) = (registry.clone(), cx.now());
    let updated = cx.store.meta().write(move |tx| {
        crate::clusters::find(tx, &registry, &cluster)?;
        let mut found = parts::find::<Association>(tx, &registry, &cluster, &id)?;
        owned(&found.body)?;
        changes.apply(&mut found.body)?;
        tx.put_document(&found.owner, &found.name, &found.body, now)?;
        parts::show(tx, &registry, &cluster, &id)
    });
    updated.await
}

/// Removes an association.
pub async fn delete(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    id: String,
) -> Result<Shown<Association>, Error> {
    let registry_of = registry;
    let registry = registry.clone();
    let deleted = cx.store.meta().write(move |tx| {
        crate::clusters::find(tx, &registry, &cluster)?;
        let found = parts::show::<Association>(tx, &registry, &cluster, &id)?;
        owned(&found.body)?;
        parts::remove(tx, &Place::within(&registry, &cluster, &id), &found.body)?;
        Ok::<_, Error>(found)
    });
    let deleted = deleted.await?;
    configure(cx, registry_of, &deleted.cluster).await?;
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new() -> NewAssociation {
        NewAssociation {
            cluster: "dev".into(),
            namespace: "web".into(),
            service_account: "shop".into(),
            role_arn: "arn:aws:iam::000000000000:role/shop".into(),
            ..NewAssociation::default()
        }
    }

    #[test]
    fn an_association_has_an_id_and_one_for_its_target_role() {
        let made = new().association(None).unwrap();
        assert!(
            made.id.starts_with("a-") && made.id.len() == 19,
            "{}",
            made.id
        );
        let registry = Registry {
            account: "000000000000".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
        };
        assert_eq!(made.external_id(&registry, "dev"), None);
        let target = NewAssociation {
            target_role_arn: Some("arn:aws:iam::111122223333:role/data".into()),
            ..new()
        };
        let made = target.association(None).unwrap();
        let id = made.external_id(&registry, "dev").unwrap();
        assert_eq!(id, "us-east-1/000000000000/dev/web/shop");
    }

    #[test]
    fn a_policy_goes_without_session_tags() {
        let policy = Some(r#"{"Statement":[]}"#.to_owned());
        let with = NewAssociation {
            policy: policy.clone(),
            ..new()
        };
        with.association(None).unwrap_err();
        let with = NewAssociation {
            policy,
            disable_session_tags: true,
            ..new()
        };
        with.association(None).unwrap();
        let with = NewAssociation {
            policy: Some("{}".into()),
            disable_session_tags: true,
            ..new()
        };
        with.association(None).unwrap_err();
    }
}
