//! IAM policies: read, and what they say about a request.
//!
//! The grammar is that of <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>,
//! the order of evaluation that of `reference_policies_evaluation-logic.html` beside it: an explicit
//! deny wins; within an account one policy that allows is enough; across accounts the caller's and
//! the owner's have to.
use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use wharf_types::{AccountId, Timestamp};

mod condition;
mod document;
mod pattern;
mod principals;
#[cfg(test)]
mod tests;

use condition::Condition;
use pattern::{Lookup, Pattern};
use principals::{Principals, Reach};

use crate::{Principal, eks_token::canonical_arn};

/// The most characters of a document.
pub const MAX_CHARS: usize = 10_240;

/// What a policy belongs to, and so which elements it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A user: no principal.
    Identity,
    /// A repository: no resource.
    Repository,
    /// A public repository: no resource, and the actions of ECR Public.
    PublicRepository,
    /// A registry.
    Registry,
    /// A role, for who may act as it: no resource, and the actions of STS.
    Trust,
}

/// Why a text is not a policy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub(crate) String);

/// A policy that was read.
#[derive(Clone, Debug)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
struct Statement {
    effect: Effect,
    principals: Option<Principals>,
    actions: Names,
    resources: Option<Names>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Effect {
    Allow,
    Deny,
}

/// Actions or resources, or all but these.
#[derive(Clone, Debug)]
struct Names {
    negated: bool,
    patterns: Vec<Pattern>,
}

/// What is known of a request besides its action and resource, by condition key. Keys that are not
/// known are absent.
#[derive(Clone, Debug, Default)]
pub struct Context(BTreeMap<String, Vec<String>>);

/// What someone asks to do.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub principal: &'a Principal,
    /// Like `ecr:PutImage`.
    pub action: &'a str,
    /// An ARN, or `*`.
    pub resource: &'a str,
    pub context: &'a Context,
}

/// A session of a role that is to begin, for who is no principal of an account.
#[derive(Clone, Copy, Debug)]
pub struct Assume<'a> {
    /// A service such as `pods.eks.amazonaws.com`, or the ARN of an identity provider.
    pub by: &'a str,
    /// All of them have to be allowed.
    pub actions: &'a [&'a str],
    pub context: &'a Context,
}

/// What the account of a principal lets it do.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Everything, as `AdministratorAccess` does.
    Full,
    Policy(Arc<Policy>),
    /// What both allow: a role, and the policy of its session.
    Within(Box<Self>, Arc<Policy>),
}

impl Identity {
    fn verdict(&self, ask: &Ask<'_>) -> Verdict {
        match self {
            Self::Full => Verdict::Allowed(Reach::Direct),
            Self::Policy(policy) => policy.verdict(ask),
            Self::Within(role, policy) => match (role.verdict(ask), policy.verdict(ask)) {
                (Verdict::Denied, _) | (_, Verdict::Denied) => Verdict::Denied,
                (Verdict::Silent, _) | (_, Verdict::Silent) => Verdict::Silent,
                (allowed, Verdict::Allowed(_)) => allowed,
            },
        }
    }
}

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A statement denies it.
    Denied(Basis),
    /// No statement allows it.
    NotAllowed(Basis),
}

/// Whose policy decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    Identity,
    Resource,
}

/// What one policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Silent,
    Allowed(Reach),
    Denied,
}

impl Policy {
    /// Reads a document.
    pub fn parse(text: &str, kind: Kind) -> Result<Self, Malformed> {
        document::parse(text, kind)
    }

    /// One that denies everyone everything.
    pub fn deny_all() -> Self {
        let statement = Statement {
            effect: Effect::Deny,
            principals: None,
            actions: Names {
                negated: true,
                patterns: Vec::new(),
            },
            resources: None,
            conditions: Vec::new(),
        };
        Self {
            statements: vec![statement],
        }
    }

    /// Whether a role with this policy lets a session begin.
    pub fn trusts(&self, assume: &Assume<'_>) -> bool {
        let each = |action: &str| {
            let meant = |statement: &&Statement| statement.is_about(action, assume);
            let mut about = self.statements.iter().filter(meant);
            let denied = about.clone().any(|one| one.effect == Effect::Deny);
            !denied && about.any(|one| one.effect == Effect::Allow)
        };
        assume.actions.iter().all(|action| each(action))
    }

    fn verdict(&self, ask: &Ask<'_>) -> Verdict {
        let mut verdict = Verdict::Silent;
        for statement in &self.statements {
            match (statement.reach(ask), statement.effect) {
                (None, _) => {}
                (Some(_), Effect::Deny) => return Verdict::Denied,
                (Some(reach), Effect::Allow) => verdict = verdict.or(reach),
            }
        }
        verdict
    }
}

impl Verdict {
    fn or(self, reach: Reach) -> Self {
        match self {
            Self::Allowed(before) => Self::Allowed(before.max(reach)),
            _ => Self::Allowed(reach),
        }
    }
}

impl Statement {
    fn is_about(&self, action: &str, assume: &Assume<'_>) -> bool {
        let lookup = |key: &str| assume.context.single(key);
        let principals = self.principals.as_ref();
        self.actions.have(&action.to_ascii_lowercase(), &lookup)
            && principals.is_some_and(|principals| principals.has_foreign(assume.by))
            && self.conditions.iter().all(|c| c.holds(assume.context))
    }

    /// How the statement means what is asked, if it does.
    fn reach(&self, ask: &Ask<'_>) -> Option<Reach> {
        let lookup = |key: &str| ask.context.single(key);
        let action = ask.action.to_ascii_lowercase();
        let meant = self.actions.have(&action, &lookup)
            && self
                .resources
                .as_ref()
                .is_none_or(|resources| resources.have(ask.resource, &lookup));
        if !meant || !self.conditions.iter().all(|c| c.holds(ask.context)) {
            return None;
        }
        match &self.principals {
            None => Some(Reach::Direct),
            Some(principals) => principals.reach(ask.principal),
        }
    }
}

impl Names {
    fn have(&self, name: &str, lookup: Lookup<'_>) -> bool {
        let named = self.patterns.iter().any(|p| p.matches(name, lookup));
        named != self.negated
    }
}

impl Context {
    /// What every request has.
    pub fn new(principal: &Principal, now: Timestamp) -> Self {
        let mut context = Self::default();
        let root = principal.is_root();
        let session = principal.session.as_deref();
        let kind = match session {
            Some(_) => "AssumedRole",
            None if root => "Account",
            None => "User",
        };
        // Of a session it is the role's.
        let arn = canonical_arn(&principal.arn.to_string());
        context.add("aws:PrincipalArn", arn);
        context.add("aws:PrincipalAccount", principal.account.to_string());
        context.add("aws:PrincipalType", kind);
        for (key, value) in session.iter().flat_map(|session| &session.tags) {
            context.add(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
        context.add("aws:userid", principal.user_id());
        if let Some(user) = principal.arn.resource.strip_prefix("user/") {
            context.add("aws:username", user);
        }
        context.add("aws:EpochTime", now.as_secs().to_string());
        if let Ok(time) = jiff::Timestamp::from_second(now.as_secs()) {
            context.add("aws:CurrentTime", time.to_string());
        }
        context.add("aws:PrincipalIsAWSService", "false");
        context.add("aws:ViaAWSService", "false");
        context
    }

    /// Adds a value to a key.
    pub fn add(&mut self, key: &str, value: impl Into<String>) {
        let values = self.0.entry(key.to_ascii_lowercase()).or_default();
        values.push(value.into());
    }

    fn values(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// The value of a key that has one.
    fn single(&self, key: &str) -> Option<String> {
        match self.values(key) {
            [value] => Some(value.clone()),
            _ => None,
        }
    }
}

/// Decides, in the order of IAM, over what is `owner`'s. `policies` are those of the resource.
pub fn decide(
    identity: &Identity,
    policies: &[Policy],
    owner: &AccountId,
    ask: &Ask<'_>,
) -> Result<(), Refused> {
    let own = identity.verdict(ask);
    if own == Verdict::Denied {
        return Err(Refused::Denied(Basis::Identity));
    }
    let mut resource = Verdict::Silent;
    for policy in policies {
        match policy.verdict(ask) {
            Verdict::Silent => {}
            Verdict::Denied => return Err(Refused::Denied(Basis::Resource)),
            Verdict::Allowed(reach) => resource = resource.or(reach),
        }
    }
    let by_identity = own != Verdict::Silent;
    if ask.principal.account == *owner {
        // One that names the account leaves the decision to the account's own policies.
        let allowed = by_identity || resource == Verdict::Allowed(Reach::Direct);
        return allowed
            .then_some(())
            .ok_or(Refused::NotAllowed(Basis::Identity));
    }
    if !by_identity {
        return Err(Refused::NotAllowed(Basis::Identity));
    }
    (resource != Verdict::Silent)
        .then_some(())
        .ok_or(Refused::NotAllowed(Basis::Resource))
}
