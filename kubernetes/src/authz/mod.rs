//! Who may do what: RBAC, EKS access policies and the authorizer of nodes.
//!
//! *Guarantees*: a decision is a function of the user, the attributes and the views it is given;
//! nothing here denies what another authorizer allows, for all of them only ever allow.
mod access_policy;
mod attributes;
pub mod bootstrap;
mod forbidden;
mod node;
pub mod rbac;
pub mod reviews;

pub use access_policy::{AccessPolicies, AccessScope, Association, POLICIES, policy_arn};
pub use attributes::Attributes;
pub use forbidden::forbidden;
pub use node::{NodeView, pod_needs};

use crate::authn::{MASTERS, User};

/// What an authorizer says, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow(String),
    /// Neither allowed nor denied: in the end this is a no.
    NoOpinion(String),
    Deny(String),
}

impl Decision {
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    pub const fn is_denied(&self) -> bool {
        matches!(self, Self::Deny(_))
    }

    pub fn reason(&self) -> &str {
        match self {
            Self::Allow(reason) | Self::NoOpinion(reason) | Self::Deny(reason) => reason,
        }
    }
}

/// All authorizers of a cluster, in the order in which they are asked.
#[derive(Clone, Copy, Debug)]
pub struct Authorizer<'a> {
    pub nodes: &'a dyn NodeView,
    pub rbac: &'a rbac::Index,
    pub policies: &'a AccessPolicies,
}

/// The rules that a user has in a namespace.
#[derive(Clone, Debug, Default)]
pub struct RulesFor<'a> {
    pub rules: Vec<&'a rbac::Rule>,
    /// Whether there is more that cannot be listed.
    pub incomplete: bool,
    /// What went wrong.
    pub errors: Vec<String>,
}

impl<'a> Authorizer<'a> {
    /// Whether `user` may do this.
    pub fn authorize(&self, user: &User, attributes: &Attributes) -> Decision {
        if user.is_in(MASTERS) {
            return Decision::Allow(String::new());
        }
        let node = || node::authorize(self.nodes, user, attributes);
        let rbac = || self.rbac.authorize(user, attributes);
        let policies = || self.policies.authorize(user, attributes);
        let mut reasons = Vec::new();
        for ask in [&node as &dyn Fn() -> Decision, &rbac, &policies] {
            match ask() {
                Decision::NoOpinion(reason) if reason.is_empty() => {}
                Decision::NoOpinion(reason) => reasons.push(reason),
                decided => return decided,
            }
        }
        Decision::NoOpinion(reasons.join("\n"))
    }

    /// What `user` may do in a namespace, as far as it can be listed.
    pub fn rules_for(&self, user: &User, namespace: &str) -> RulesFor<'a> {
        let mut all = RulesFor::default();
        if user.is_in(MASTERS) {
            all.rules.extend(rbac::full_authority());
        }
        if node::identity(user).is_some() {
            all.incomplete = true;
            let text = "node authorizer does not support user rule resolution";
            all.errors.push(text.to_owned());
        }
        let (rules, errors) = self.rbac.rules_for(user, namespace);
        all.rules.extend(rules);
        all.errors.extend(errors);
        all.rules.extend(self.policies.rules_for(user, namespace));
        all
    }
}
