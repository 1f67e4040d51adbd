//! What pods have of AWS: whom they act as, and what answers them.
mod credentials;
mod web_identity;
pub(crate) mod webhook;

pub use credentials::{Credentials, NoCredentials, credentials};
pub use web_identity::{Assumed, MAX_POLICY, NotAssumed, WebIdentity, assume};
use wharf_auth::{RoleSession, policy::Assume};
use wharf_runtime::Stream;
use wharf_runtime::network::Caller;
use wharf_types::Arn;

use crate::Cx;

/// A connection of a pod to 169.254.170.23, which the server answers by HTTP.
#[derive(Debug)]
pub struct PodConnection {
    pub pod: Pod,
    pub stream: Box<dyn Stream>,
}

/// A pod that asks.
#[derive(Clone, Debug)]
pub struct Pod {
    /// The id of its cluster.
    pub cluster: String,
    pub caller: Caller,
}

/// A role as an ARN says it: its account, and its name without the path.
fn role(arn: &str) -> Option<(wharf_types::AccountId, String)> {
    crate::checks::role_arn("roleArn", arn).ok()?;
    let arn: Arn = arn.parse().ok()?;
    let name = arn.resource.rsplit('/').next()?;
    Some((arn.account.parse().ok()?, name.to_owned()))
}

/// Whether a session may begin.
fn may_assume(cx: &Cx, session: &RoleSession, assume: &Assume<'_>) -> bool {
    cx.clusters.access().auth.may_assume(session, assume)
}
