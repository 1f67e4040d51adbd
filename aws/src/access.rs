//! What a call does in the words of policies: its operation, on the resources that it names.
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Visitor},
};
use wharf_registry::policies::{self, Act, Target, Wish};
use wharf_types::{AccountId, Arn, RepoName};

use crate::{
    Cx, Exception,
    kept::{Tags, Text, Texts},
    operation::{self, Entry, Operation},
};

/// What everyone who is known may do.
const FREE: &[&str] = &["sts:GetCallerIdentity", "sts:AssumeRoleWithWebIdentity"];

/// What is done to the repositories of a registry if the call names none.
const OF_REPOSITORIES: &[&str] = &[
    "ecr:DescribeRepositories",
    "ecr-public:DescribeRepositories",
];

/// What is done to a public registry, which is a resource as a private one is not.
const OF_PUBLIC_REGISTRY: &[&str] = &[
    "ecr-public:DescribeRegistries",
    "ecr-public:GetRegistryCatalogData",
    "ecr-public:PutRegistryCatalogData",
];

/// The members that say what a call is about.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Named {
    registry_id: Text,
    repository_name: Text,
    repository_names: Texts,
    resource_arn: Text,
    tags: Tags,
    tag_keys: Texts,
}

/// Demands that the caller may do what a call does. The registry that is meant becomes that of the
/// call, so that operations need not know whose it is.
pub(crate) async fn admit(
    mut cx: Cx,
    service: &str,
    entry: &Entry,
    body: &Bytes,
) -> Result<Cx, Exception> {
    let action = format!("{service}:{}", entry.name);
    if !cx.domain.auth.is_strict() || FREE.contains(&action.as_str()) {
        return Ok(cx);
    }
    let named = Named::read(body, (entry.members)()).await?;
    let arn = named
        .resource_arn
        .0
        .as_deref()
        .and_then(|arn| arn.parse::<Arn>().ok());
    let arn = arn.as_ref().and_then(Arn::as_repository);
    let account = match &arn {
        Some((registry, _)) => Some(registry.account.clone()),
        None => named.account(),
    };
    if let Some(account) = account {
        cx.registry.account = account;
    }
    let names = named.names().chain(arn.map(|(_, name)| name));
    let mut acts: Vec<Act> = names.map(|name| Act::on(&name, action.clone())).collect();
    if acts.is_empty() {
        acts.push(Act::of(whole(&action, &named), action.clone()));
    }
    let tags = named.tags();
    if entry.name == "CreateRepository" && !tags.is_empty() {
        let tag = format!("{service}:TagResource");
        acts.extend(named.names().map(|name| Act::on(&name, tag.clone())));
    }
    if action == "ecr-public:GetAuthorizationToken" {
        // What it gives is a Bearer token of STS.
        acts.push(Act::of(Target::Registry, "sts:GetServiceBearerToken"));
    }
    let wish = Wish {
        acts,
        origin: cx.origin,
        tags,
    };
    policies::require(&cx.domain, &cx.caller(), wish).await?;
    Ok(cx)
}

/// What a call is about that names no repository.
fn whole(action: &str, named: &Named) -> Target {
    if OF_REPOSITORIES.contains(&action) || named.repository_name.0.is_some() {
        Target::Repositories
    } else if OF_PUBLIC_REGISTRY.contains(&action) {
        Target::PublicRegistry
    } else {
        Target::Registry
    }
}

impl Named {
    /// Reads those that the operation has: others would say that a call is about something that it
    /// is not about.
    async fn read(body: &Bytes, members: &[&str]) -> Result<Self, Exception> {
        let all: Self = if body.is_empty() {
            Self::default()
        } else {
            operation::parse(body.clone()).await?
        };
        let has = |name| members.contains(&name);
        Ok(Self {
            registry_id: if_so(has("registryId"), all.registry_id),
            repository_name: if_so(has("repositoryName"), all.repository_name),
            repository_names: if_so(has("repositoryNames"), all.repository_names),
            resource_arn: if_so(has("resourceArn"), all.resource_arn),
            tags: if_so(has("tags"), all.tags),
            tag_keys: if_so(has("tagKeys"), all.tag_keys),
        })
    }

    fn account(&self) -> Option<AccountId> {
        self.registry_id.0.as_deref()?.parse().ok()
    }

    /// The repositories that are named. What cannot be a name is one of no repository: the operation
    /// says so, to those who may call it at all.
    fn names(&self) -> impl Iterator<Item = RepoName> {
        let many = self.repository_names.0.iter();
        many.chain(&self.repository_name.0)
            .filter_map(|name| name.parse().ok())
    }

    /// The tags that the call sets or takes away.
    fn tags(&self) -> BTreeMap<String, Option<String>> {
        let set = self.tags.0.iter();
        let set = set.filter_map(|tag| Some((tag.key.0.clone()?, tag.value.0.clone())));
        let gone = self.tag_keys.0.iter().map(|key| (key.clone(), None));
        set.chain(gone).collect()
    }
}

fn if_so<T: Default>(condition: bool, value: T) -> T {
    if condition { value } else { T::default() }
}

/// The names of the members of a request, as its type tells them to whoever deserializes it.
pub(crate) fn members<O: Operation>() -> &'static [&'static str] {
    struct Probe<'a>(&'a mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Probe<'_> {
        type Error = serde::de::value::Error;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _name: &'static str,
            fields: &'static [&'static str],
            _visitor: V,
        ) -> Result<V::Value, Self::Error> {
            *self.0 = fields;
            Err(Self::Error::custom("only asked"))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Self::Error> {
            Err(Self::Error::custom("not a structure"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
            option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
            ignored_any
        }
    }
    let mut found: &'static [&'static str] = &[];
    drop(O::deserialize(Probe(&mut found)));
    found
}
