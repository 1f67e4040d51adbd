//! The elements `Principal` and `NotPrincipal`.
use serde::Deserialize;
use wharf_types::{AccountId, Arn};

use super::document::OneOrMany;
use crate::{Principal, eks_token::canonical_arn};

/// Whom a statement is about.
#[derive(Clone, Debug)]
pub(super) struct Principals {
    pub(super) negated: bool,
    pub(super) named: Vec<Named>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Anyone,
    /// An account, of which its root and its users are part.
    Account(AccountId),
    /// A user, a role or a session.
    Arn(String),
    /// The id of a user.
    Id(String),
    /// A service of AWS or an identity provider: never one that signs a call here.
    Foreign(String),
}

/// How a statement names a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// By its account, which still has to allow it.
    Account,
    /// Itself, or everyone.
    Direct,
}

/// As a document has them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Element {
    Text(String),
    Kinds(Kinds),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Kinds {
    #[serde(rename = "AWS")]
    aws: Option<OneOrMany<String>>,
    service: Option<OneOrMany<String>>,
    federated: Option<OneOrMany<String>>,
}

impl Principals {
    /// Reads an element; `None` if it names one that cannot be.
    pub(super) fn new(element: Element, negated: bool) -> Option<Self> {
        let named = match element {
            Element::Text(text) => vec![(text == "*").then_some(Named::Anyone)?],
            Element::Kinds(kinds) => {
                let aws = kinds.aws.map(OneOrMany::list).unwrap_or_default();
                let mut named: Vec<_> = aws
                    .iter()
                    .map(|text| aws_principal(text))
                    .collect::<Option<_>>()?;
                for foreign in [kinds.service, kinds.federated].into_iter().flatten() {
                    for name in foreign.list() {
                        let plausible = name.contains('.') && !name.contains('*');
                        named.push(plausible.then_some(Named::Foreign(name))?);
                    }
                }
                named
            }
        };
        (!named.is_empty()).then_some(Self { negated, named })
    }

    /// Whether a service or identity provider is meant.
    pub(super) fn has_foreign(&self, name: &str) -> bool {
        let named = |one: &Named| match one {
            Named::Foreign(known) => known == name,
            Named::Anyone => true,
            Named::Account(_) | Named::Arn(_) | Named::Id(_) => false,
        };
        self.named.iter().any(named) != self.negated
    }

    /// How a principal is meant, if it is.
    pub(super) fn reach(&self, principal: &Principal) -> Option<Reach> {
        let reached = self.named.iter().filter_map(|named| named.reach(principal));
        if !self.negated {
            return reached.max();
        }
        // A user is part of an account: both have to be named for the user to be left out.
        let anyone = self.named.contains(&Named::Anyone);
        let account = self
            .named
            .contains(&Named::Account(principal.account.clone()));
        let itself = reached.max() == Some(Reach::Direct);
        let left_out = anyone || account && itself;
        (!left_out).then_some(Reach::Direct)
    }
}

impl Named {
    fn reach(&self, principal: &Principal) -> Option<Reach> {
        match self {
            Self::Anyone => Some(Reach::Direct),
            Self::Account(account) if *account == principal.account => {
                Some(if principal.is_root() {
                    Reach::Direct
                } else {
                    Reach::Account
                })
            }
            Self::Arn(arn) if is_arn(arn, principal) => Some(Reach::Direct),
            Self::Id(id) if principal.user_id().split(':').next() == Some(id) => {
                Some(Reach::Direct)
            }
            Self::Account(_) | Self::Arn(_) | Self::Id(_) | Self::Foreign(_) => None,
        }
    }
}

/// Whether an ARN is that of a principal, or of the role of a session. Sessions do not know the path of
/// their role.
fn is_arn(arn: &str, principal: &Principal) -> bool {
    let own = principal.arn.to_string();
    if arn == own {
        return true;
    }
    principal.role().is_some_and(|_| {
        let (kind, path) = arn.split_once(":role/").unwrap_or((arn, ""));
        let name = path.rsplit('/').next().unwrap_or_default();
        canonical_arn(&own) == format!("{kind}:role/{name}")
    })
}

fn aws_principal(text: &str) -> Option<Named> {
    if text == "*" {
        return Some(Named::Anyone);
    }
    if let Ok(account) = text.parse() {
        return Some(Named::Account(account));
    }
    let id = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    let unique = ["AIDA", "AROA", "AGPA", "ANPA"];
    if unique.iter().any(|kind| text.starts_with(kind)) && text.chars().all(id) {
        return Some(Named::Id(text.to_owned()));
    }
    let arn: Arn = text.parse().ok()?;
    let account: AccountId = arn.account.parse().ok()?;
    let (kind, name) = arn.resource.split_once('/').unwrap_or((&arn.resource, ""));
    let plausible = !name.is_empty() && !text.contains(['*', '?']) && arn.region.is_empty();
    match (arn.service.as_str(), kind) {
        ("iam", "root") if name.is_empty() && arn.region.is_empty() => {
            Some(Named::Account(account))
        }
        ("iam", "user" | "role") | ("sts", "assumed-role" | "federated-user") if plausible => {
            Some(Named::Arn(text.to_owned()))
        }
        _ => None,
    }
}
