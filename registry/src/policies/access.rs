//! Whether a caller may do what a request does: asked once on each door, before anything else.
//!
//! The policies are read from the store at every decision, all in one transaction, so that a change
//! of one holds for the next request. What is refused is refused in the same words whether there is
//! such a repository or not, unless a policy of the repository itself says no.
use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use wharf_auth::{
    Policy, Principal, challenge,
    policy::{self, Ask, Context, Identity, Kind},
};
use wharf_storage::{Owner, Read};
use wharf_types::{AccountId, Arn, Registry, RepoName, Timestamp};

use super::{RegistryPolicy, RepositoryPolicy};
use crate::{Caller, Cx, Error, account_settings::AccountSetting};

/// What stands for a stored policy that cannot be read: nothing goes but to replace it.
const UNREADABLE: &str = r#"{"Statement":{"Effect":"Deny","Principal":"*","NotAction":[
    "ecr:GetRepositoryPolicy","ecr:SetRepositoryPolicy","ecr:DeleteRepositoryPolicy",
    "ecr:GetRegistryPolicy","ecr:PutRegistryPolicy","ecr:DeleteRegistryPolicy"]}}"#;

/// What a registry's policy decides on if its scope is the first one.
const OF_SCOPE_V1: [&str; 3] = [
    "ecr:ReplicateImage",
    "ecr:CreateRepository",
    "ecr:BatchImportUpstreamImage",
];

/// Where a request came from: an extension of it.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    pub address: IpAddr,
    /// Whether it came over TLS.
    pub tls: bool,
}

/// One thing that a request does, in the words of policies.
#[derive(Clone, Debug)]
pub struct Act {
    /// Like `ecr:PutImage`.
    pub action: Cow<'static, str>,
    pub on: Target,
    /// Whether it is only done where there is no such repository.
    pub if_missing: bool,
}

/// What is acted on.
#[derive(Clone, Debug)]
pub enum Target {
    Repository(RepoName),
    /// The repositories of the registry.
    Repositories,
    /// The registry itself, which is no resource of its own.
    Registry,
    /// The registry itself, which is one in ECR Public.
    PublicRegistry,
    /// A resource of another service, with its tags.
    Resource {
        /// The name of the service in actions.
        service: &'static str,
        arn: String,
        tags: BTreeMap<String, String>,
    },
}

impl Act {
    /// Something done to a repository.
    pub fn on(name: &RepoName, action: impl Into<Cow<'static, str>>) -> Self {
        Self {
            action: action.into(),
            on: Target::Repository(name.clone()),
            if_missing: false,
        }
    }

    /// Something done to a whole registry.
    pub fn of(on: Target, action: impl Into<Cow<'static, str>>) -> Self {
        Self {
            action: action.into(),
            on,
            if_missing: false,
        }
    }

    /// What is done before something else if the repository is not there.
    pub fn create_if_missing(name: &RepoName) -> Self {
        Self {
            if_missing: true,
            ..Self::on(name, "ecr:CreateRepository")
        }
    }

    /// The same in the words of the service that has the registry.
    pub(crate) fn of_service(self, registry: &Registry) -> Self {
        if !registry.region.is_public() {
            return self;
        }
        let action = self.action.replacen("ecr:", "ecr-public:", 1);
        Self {
            action: action.into(),
            ..self
        }
    }
}

/// Everything that a request does, and what conditions may look at.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    pub acts: Vec<Act>,
    pub origin: Option<Origin>,
    /// The tags that the request sets, without values those that it takes away.
    pub tags: BTreeMap<String, Option<String>>,
}

impl Wish {
    /// One that consists of one act.
    pub fn new(act: Act) -> Self {
        Self {
            acts: vec![act],
            ..Self::default()
        }
    }
}

/// Demands that a caller may do all of this in the registry that is meant.
pub async fn require(cx: &Cx, caller: &Caller, wish: Wish) -> Result<(), Error> {
    if !cx.auth.is_strict() || wish.acts.is_empty() {
        return Ok(());
    }
    let (cx, caller) = (cx.clone(), caller.clone());
    let meta = cx.store.meta().clone();
    meta.read(move |tx| decide(tx, &cx, &caller, &wish)).await
}

/// Decides within a transaction, whether policies are enforced or not.
pub fn decide(tx: &Read<'_>, cx: &Cx, caller: &Caller, wish: &Wish) -> Result<(), Error> {
    let asked = Asked {
        caller,
        identity: &identity(cx, caller)?,
        instead: None,
        now: cx.store.now(),
    };
    asked.decide(tx, wish)
}

/// Whether another account may do something to a registry, as far as the registry's owner is asked.
pub fn account_may(
    tx: &Read<'_>,
    cx: &Cx,
    account: &AccountId,
    registry: &Registry,
    act: Act,
) -> Result<bool, Error> {
    let caller = Caller {
        principal: Principal {
            account: account.clone(),
            arn: Arn::user(account, "root"),
            access_key: String::new(),
            session: None,
        },
        registry: registry.clone(),
    };
    let asked = Asked {
        caller: &caller,
        identity: &Identity::Full,
        instead: None,
        now: cx.store.now(),
    };
    match asked.decide(tx, &Wish::new(act)) {
        Ok(()) => Ok(true),
        Err(Error::Denied(_)) => Ok(false),
        Err(e) => Err(e),
    }
}

pub(super) fn identity(cx: &Cx, caller: &Caller) -> Result<Identity, Error> {
    let arn = &caller.principal.arn;
    let unknown = || Error::Denied(format!("User: {arn} is not known"));
    cx.auth.identity(&caller.principal).ok_or_else(unknown)
}

/// Who asks, and when.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) caller: &'a Caller,
    pub(super) identity: &'a Identity,
    /// A policy to take in the place of those that repositories have.
    pub(super) instead: Option<&'a Policy>,
    pub(super) now: Timestamp,
}

impl Asked<'_> {
    pub(super) fn decide(&self, tx: &Read<'_>, wish: &Wish) -> Result<(), Error> {
        let of_registry = OfRegistry::find(tx, &self.caller.registry)?;
        let context = context(self.caller, wish, self.now);
        for act in &wish.acts {
            let of_registry = of_registry.as_ref().and_then(|of| of.about(act));
            self.decide_one(tx, act, of_registry, context.clone())?;
        }
        Ok(())
    }

    fn decide_one(
        &self,
        tx: &Read<'_>,
        act: &Act,
        of_registry: Option<&Policy>,
        mut context: Context,
    ) -> Result<(), Error> {
        let Caller {
            principal,
            registry,
        } = self.caller;
        let mut policies: Vec<Policy> = of_registry.cloned().into_iter().collect();
        let resource = resource(registry, &act.on);
        if let Target::Repository(name) = &act.on
            && let Some(repository) = tx.repository(registry, name)?
        {
            if act.if_missing {
                return Ok(());
            }
            let owner = Owner::Repository(repository.id);
            let stored = tx.document::<RepositoryPolicy>(&owner, "")?;
            let own = stored.map(|stored| read(&stored.body.text, super::kind(registry)));
            policies.extend(self.instead.cloned().or(own));
            for (key, value) in tx.resource_tags(&resource)? {
                context.add(&format!("aws:ResourceTag/{key}"), value.clone());
                let service = if registry.region.is_public() {
                    "ecr-public"
                } else {
                    "ecr"
                };
                context.add(&format!("{service}:ResourceTag/{key}"), value);
            }
        }
        if let Target::Resource { service, tags, .. } = &act.on {
            for (key, value) in tags {
                context.add(&format!("aws:ResourceTag/{key}"), value.as_str());
                context.add(&format!("{service}:ResourceTag/{key}"), value.as_str());
            }
        }
        let ask = Ask {
            principal,
            action: &act.action,
            resource: &resource,
            context: &context,
        };
        policy::decide(self.identity, &policies, &registry.account, &ask)
            .map_err(|why| Error::Denied(challenge::denied(principal, &act.action, &resource, why)))
    }
}

/// A registry's policy, and whether it decides on [`OF_SCOPE_V1`] only.
struct OfRegistry {
    policy: Policy,
    narrow: bool,
}

impl OfRegistry {
    fn find(tx: &Read<'_>, registry: &Registry) -> Result<Option<Self>, Error> {
        let owner = Owner::Registry(registry.clone());
        let Some(stored) = tx.document::<RegistryPolicy>(&owner, "")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            policy: read(&stored.body.text, Kind::Registry),
            narrow: AccountSetting::RegistryPolicyScope.of(tx, registry)? == "V1",
        }))
    }

    /// The policy, if it decides on an act.
    fn about(&self, act: &Act) -> Option<&Policy> {
        let elsewhere = matches!(act.on, Target::Resource { .. });
        let decides = !self.narrow || OF_SCOPE_V1.contains(&&*act.action);
        (decides && !elsewhere).then_some(&self.policy)
    }
}

fn read(text: &str, kind: Kind) -> Policy {
    let read = Policy::parse(text, kind).or_else(|problem| {
        tracing::error!(%problem, "a stored policy cannot be read, so it denies everything");
        let instead = if kind == Kind::PublicRepository {
            UNREADABLE.replace("ecr:", "ecr-public:")
        } else {
            UNREADABLE.to_owned()
        };
        Policy::parse(&instead, kind)
    });
    read.unwrap_or_else(|_never| Policy::deny_all())
}

fn resource(registry: &Registry, target: &Target) -> String {
    match target {
        Target::Repository(name) => Arn::repository(registry, name).to_string(),
        Target::Repositories if registry.region.is_public() => {
            format!("arn:aws:ecr-public::{}:repository/*", registry.account)
        }
        Target::Repositories => {
            let Registry { account, region } = registry;
            format!("arn:aws:ecr:{region}:{account}:repository/*")
        }
        Target::Registry => "*".to_owned(),
        Target::PublicRegistry => {
            let account = &registry.account;
            format!("arn:aws:ecr-public::{account}:registry/{account}")
        }
        Target::Resource { arn, .. } => arn.clone(),
    }
}

fn context(caller: &Caller, wish: &Wish, now: Timestamp) -> Context {
    let mut context = Context::new(&caller.principal, now);
    let Registry { account, region } = &caller.registry;
    context.add("aws:RequestedRegion", region.place());
    context.add("aws:ResourceAccount", account.as_str());
    if let Some(Origin { address, tls }) = wish.origin {
        context.add("aws:SourceIp", address.to_canonical().to_string());
        context.add("aws:SecureTransport", tls.to_string());
    }
    for (key, value) in &wish.tags {
        context.add("aws:TagKeys", key.as_str());
        if let Some(value) = value {
            context.add(&format!("aws:RequestTag/{key}"), value.as_str());
        }
    }
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_text_that_is_no_policy_denies_all_but_its_replacement() {
        let account: AccountId = "000000000000".parse().unwrap();
        let principal = Principal::local("test", &account);
        for (kind, action, allowed) in [
            (Kind::Repository, "ecr:BatchGetImage", false),
            (Kind::Repository, "ecr:DeleteRepository", false),
            (Kind::Repository, "ecr:SetRepositoryPolicy", true),
            (Kind::PublicRepository, "ecr-public:PutImage", false),
            (
                Kind::PublicRepository,
                "ecr-public:SetRepositoryPolicy",
                true,
            ),
        ] {
            let policies = [read("", kind)];
            let ask = Ask {
                principal: &principal,
                action,
                resource: "*",
                context: &Context::default(),
            };
            let decided = policy::decide(&Identity::Full, &policies, &account, &ask);
            assert_eq!(decided.is_ok(), allowed, "{action}");
        }
    }
}
