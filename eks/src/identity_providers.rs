//! Identity providers of clusters: whose tokens (of `OpenID` Connect) a cluster takes.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Read, Write};
use wharf_types::Registry;

use crate::{
    Cx, Done, Error, Event, Life, Living, Phase, Place, Step, Token, checks,
    parts::{self, Part, Shown},
    settled,
    shape::shapes,
    updates::{self, NewUpdate, Subject, Update},
};

/// The most claims that can be required.
const MAX_CLAIMS: usize = 50;

shapes! {
    /// `oidc` of a request.
    OidcConfig {
        identity_provider_config_name: String,
        issuer_url: String,
        client_id: String,
        username_claim: String,
        username_prefix: String,
        groups_claim: String,
        groups_prefix: String,
        required_claims: BTreeMap<String, String>,
    }
    /// The request of `AssociateIdentityProviderConfig`.
    NewProvider {
        cluster_name: String,
        oidc: OidcConfig,
        tags: BTreeMap<String, String>,
        client_request_token: String,
    }
    /// What names a provider.
    ProviderName {
        #[serde(rename = "type")]
        kind: String,
        name: String,
    }
}

/// A provider: a document named by cluster and provider. A cluster has one at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdentityProvider {
    pub name: String,
    /// The last part of its ARN.
    pub id: String,
    pub life: Life,
    pub oidc: OidcConfig,
    /// The update that made it, or that removes it.
    #[serde(default)]
    pub update: String,
}

impl Document for IdentityProvider {
    const KIND: &'static str = "eks-identity-provider";

    fn is_open(&self) -> bool {
        self.life.phase.is_open()
    }
}

impl Part for IdentityProvider {
    fn missing(cluster: &str, name: &str) -> Error {
        let text =
            format!("No identity provider config found for name: {name} in cluster: {cluster}");
        Error::not_found(text).cluster(cluster)
    }

    fn arn(&self, registry: &Registry, cluster: &str) -> String {
        let Self { name, id, .. } = self;
        crate::arn(
            registry,
            &format!("identityproviderconfig/{cluster}/oidc/{name}/{id}"),
        )
    }
}

impl Living for IdentityProvider {
    fn life(&self) -> Life {
        self.life
    }

    fn set_life(&mut self, life: Life) {
        self.life = life;
    }

    async fn act(self, _cx: Cx, _at: Place, _step: Step) -> Result<(Self, Event), Error> {
        Ok((self, Event::Ready))
    }

    fn done(&self, tx: &Write<'_>, done: &Done<'_>) -> Result<(), Error> {
        if done.step == Step::Delete {
            tx.forget_resource(&self.arn(&done.at.registry, done.at.cluster()))?;
        }
        updates::end(tx, done, &self.update)
    }
}

fn check(oidc: &OidcConfig) -> Result<String, Error> {
    let member = |name: &str| format!("oidc.{name}");
    let name = checks::required_text(
        &member("identityProviderConfigName"),
        oidc.identity_provider_config_name.clone(),
    )?;
    checks::named(&member("identityProviderConfigName"), &name, 100)?;
    let issuer = checks::required_text(&member("issuerUrl"), oidc.issuer_url.clone())?;
    check_issuer(&issuer)?;
    let client = checks::required_text(&member("clientId"), oidc.client_id.clone())?;
    checks::length(&member("clientId"), &client, 1, 255)?;
    for (name, text) in [
        ("usernameClaim", &oidc.username_claim),
        ("usernamePrefix", &oidc.username_prefix),
        ("groupsClaim", &oidc.groups_claim),
        ("groupsPrefix", &oidc.groups_prefix),
    ] {
        let Some(text) = text else { continue };
        checks::length(&member(name), text, 1, 255)?;
        if name.ends_with("Prefix") && text.starts_with("system:") {
            let text = format!("{} can not start with system:", member(name));
            return Err(Error::invalid_parameter(text));
        }
    }
    let claims = oidc.required_claims.as_ref();
    if claims.is_some_and(|claims| claims.len() > MAX_CLAIMS) {
        let text = format!(
            "{} can have up to {MAX_CLAIMS} claims",
            member("requiredClaims")
        );
        return Err(Error::invalid_parameter(text));
    }
    for (key, value) in claims.into_iter().flatten() {
        checks::length("The key of a required claim", key, 1, 63)?;
        checks::length("The value of a required claim", value, 1, 253)?;
    }
    Ok(name)
}

/// An issuer is reached over TLS, and its URL has no query.
fn check_issuer(url: &str) -> Result<(), Error> {
    let host = url
        .strip_prefix("https://")
        .and_then(|rest| rest.split('/').next());
    let formed = host.is_some_and(|host| !host.is_empty() && !host.contains('@'))
        && url
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#')
        && url.len() <= 2048;
    if formed {
        return Ok(());
    }
    Err(Error::invalid_parameter(
        "oidc.issuerUrl must begin with https:// and have no query parameters",
    ))
}

/// Associates a provider with a cluster.
pub async fn associate(
    cx: &Cx,
    registry: &Registry,
    new: NewProvider,
) -> Result<(Update, BTreeMap<String, String>), Error> {
    let token = Token::of(new.client_request_token.as_deref(), &new)?;
    let cluster = checks::required_text("clusterName", new.cluster_name)?;
    let oidc = checks::required("oidc", new.oidc)?;
    let name = check(&oidc).map_err(|e| e.cluster(&cluster))?;
    let tags = new.tags.unwrap_or_default();
    checks::tags(&tags)?;
    let (at, now) = (Place::within(registry, &cluster, &name), cx.now());
    let (place, own) = (at.clone(), tags.clone());
    let begun = cx.store.meta().write(move |tx| {
        let registry = &place.registry;
        parts::active(tx, registry, &cluster)?;
        if let Some(known) = updates::repeated(tx, &place, token.as_ref())? {
            return Ok(known);
        }
        if let Some(found) = parts::list::<IdentityProvider>(tx, registry, &cluster, "", 1)?.first() {
            let text = if found.body.name == name {
                format!("Identity provider config already exists with name {name} and cluster name {cluster}")
            } else {
                format!("Cluster {cluster} already has the identity provider config {}", found.body.name)
            };
            return Err(Error::in_use(text).cluster(&cluster));
        }
        let config = serde_json::to_string(&serde_json::json!([{ "type": "oidc", "name": name }]));
        let new = NewUpdate {
            kind: "AssociateIdentityProviderConfig",
            params: vec![("IdentityProviderConfig", config.map_err(wharf_storage::Error::from)?)],
            subject: Subject::Cluster,
            token: token.clone(),
        };
        let begun = updates::begin(tx, &place, new, now)?;
        let made = IdentityProvider {
            name: name.clone(),
            id: parts::uuid(),
            life: Life::begin(Phase::Creating, now),
            oidc: oidc.clone(),
            update: begun.id.clone(),
        };
        parts::add(tx, &place, &made, &own, now)?;
        Ok(begun)
    });
    let begun = begun.await?;
    settled::<IdentityProvider>(cx, &at).await?;
    Ok((begun, tags))
}

/// The name of a provider as requests have it.
fn named(provider: Option<ProviderName>) -> Result<String, Error> {
    let provider = checks::required("identityProviderConfig", provider)?;
    let kind = checks::required_text("identityProviderConfig.type", provider.kind)?;
    if kind != "oidc" {
        let text =
            format!("Identity provider config type {kind} is not supported: it must be oidc");
        return Err(Error::invalid_parameter(text));
    }
    checks::required_text("identityProviderConfig.name", provider.name)
}

/// Finds a provider.
pub async fn get(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    provider: Option<ProviderName>,
) -> Result<Shown<IdentityProvider>, Error> {
    parts::get(cx, registry, cluster, named(provider)?).await
}

/// The provider of a cluster, for who checks its tokens.
pub fn of_cluster(
    tx: &Read<'_>,
    registry: &Registry,
    cluster: &str,
) -> Result<Option<IdentityProvider>, Error> {
    let found = parts::list::<IdentityProvider>(tx, registry, cluster, "", 1)?;
    let active = |provider: &IdentityProvider| provider.life.phase == Phase::Active;
    Ok(found.into_iter().map(|stored| stored.body).find(active))
}

/// The names of a cluster's providers after one.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    after: String,
) -> Result<Vec<String>, Error> {
    let all = parts::all::<IdentityProvider>(cx, registry, cluster, after).await?;
    Ok(all.into_iter().map(|found| found.name).collect())
}

/// Removes a provider from its cluster.
pub async fn disassociate(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    provider: Option<ProviderName>,
    token: Option<&str>,
) -> Result<Update, Error> {
    let name = named(provider)?;
    let token = Token::of(token, &("disassociate", &cluster, &name))?;
    let (at, now) = (Place::within(registry, &cluster, &name), cx.now());
    let place = at.clone();
    let begun = cx.store.meta().write(move |tx| {
        parts::active(tx, &place.registry, &cluster)?;
        if let Some(known) = updates::repeated(tx, &place, token.as_ref())? {
            return Ok(known);
        }
        let mut found = parts::find::<IdentityProvider>(tx, &place.registry, &cluster, &name)?.body;
        if found.life.phase != Phase::Active {
            let status = found.life.phase.as_str();
            let text = format!("Identity provider config {name} is in status {status}");
            return Err(Error::in_use(text).cluster(&cluster));
        }
        let config = serde_json::to_string(&serde_json::json!([{ "type": "oidc", "name": name }]));
        let new = NewUpdate {
            kind: "DisassociateIdentityProviderConfig",
            params: vec![(
                "IdentityProviderConfig",
                config.map_err(wharf_storage::Error::from)?,
            )],
            subject: Subject::Cluster,
            token: token.clone(),
        };
        let begun = updates::begin(tx, &place, new, now)?;
        found.life = Life::begin(Phase::Deleting, now);
        found.update.clone_from(&begun.id);
        tx.put_document(&place.owner(), &place.name, &found, now)?;
        Ok(begun)
    });
    let begun = begun.await?;
    settled::<IdentityProvider>(cx, &at).await?;
    Ok(begun)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oidc() -> OidcConfig {
        OidcConfig {
            identity_provider_config_name: Some("corp".into()),
            issuer_url: Some("https://login.example.org/tenant".into()),
            client_id: Some("kubernetes".into()),
            ..OidcConfig::default()
        }
    }

    #[test]
    fn a_provider_is_reached_over_tls_and_makes_nobody_the_system() {
        assert_eq!(check(&oidc()).unwrap(), "corp");
        for url in [
            "http://a.example",
            "https://",
            "https://a/?b",
            "https://a/#b",
            "https://u@a/",
        ] {
            let issuer_url = Some(url.to_owned());
            check(&OidcConfig {
                issuer_url,
                ..oidc()
            })
            .unwrap_err();
        }
        let username_prefix = Some("system:".to_owned());
        check(&OidcConfig {
            username_prefix,
            ..oidc()
        })
        .unwrap_err();
        let groups_prefix = Some("system:node".to_owned());
        check(&OidcConfig {
            groups_prefix,
            ..oidc()
        })
        .unwrap_err();
        check(&OidcConfig {
            client_id: None,
            ..oidc()
        })
        .unwrap_err();
        let long = BTreeMap::from([("k".repeat(64), "v".to_owned())]);
        check(&OidcConfig {
            required_claims: Some(long),
            ..oidc()
        })
        .unwrap_err();
    }
}
