//! Auto-scaling groups: how many instances there should be, and the loop that makes it so.
//!
//! ```text
//! Pending ─► Pending:Wait ─► Pending:Proceed ─► InService ◄─► Standby
//!    │            │                                │ │            │
//!    │            └──────(abandoned)───┐           │ └─► Detached │
//!    └─────────────────────────────────┴─► Terminating ◄──────────┘
//!                                              │
//!                          Terminating:Wait ◄──┴──► Terminating:Proceed ─► Terminated
//! ```
//!
//! # Draining
//!
//! Who makes a group and wants to drain its instances, as EKS does, gives it the lifecycle hook
//! [`Hook::drain`], as EKS's own node groups have one. An instance that is to go waits in
//! `Terminating:Wait` until the owner, which finds it with [`waiting`], completes the action with
//! [`complete`], or [`DRAIN`] is over.
mod activities;
mod capacity;
mod change;
mod hooks;
mod leave;
mod plan;
mod reconcile;
#[cfg(test)]
mod tests;

pub use activities::{Activity, Status, list as list_activities};
pub use capacity::{set_desired, set_health, set_protection};
pub use change::{
    Changes, Limits, ProcessChange, TagChange, change_processes, change_tags, create, delete, get,
    list, update,
};
pub use hooks::{
    Action, HookChanges, Outcome, Waiting, Which, complete, delete_hook, heartbeat, put_hook,
    waiting,
};
pub use leave::{attach, detach, enter_standby, exit_standby, terminate};
pub(crate) use reconcile::reconcile_all;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wharf_storage::Document;
use wharf_types::{Registry, Timestamp};

use crate::{instances::OfTemplate, templates};

/// The most groups of an account in a region, and the most instances of a group.
pub const MAX: usize = 500;
pub const MAX_INSTANCES: u32 = 1000;

/// How long draining an instance may take.
pub const DRAIN: u32 = 15 * 60;

/// The processes that can be suspended.
pub const PROCESSES: &[&str] = &[
    "AZRebalance",
    "AddToLoadBalancer",
    "AlarmNotification",
    "HealthCheck",
    "InstanceRefresh",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
];

/// The policies by which instances are picked that have to go.
pub const TERMINATION_POLICIES: &[&str] = &[
    "AllocationStrategy",
    "ClosestToNextInstanceHour",
    "Default",
    "NewestInstance",
    "OldestInstance",
    "OldestLaunchConfiguration",
    "OldestLaunchTemplate",
];

/// What a group launches instances with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A launch configuration by its name.
    Configuration(String),
    Template(templates::Spec),
    /// A template whose type is one of several.
    Mixed(Mixed),
}

/// A mixed instances policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mixed {
    pub template: templates::Spec,
    /// The types to choose from, the best first.
    pub types: Vec<String>,
    /// How many instances come first that are not spot instances.
    pub base: u32,
    /// How many of a hundred instances above those are not.
    pub above_base: u32,
    /// The policy as it came.
    pub policy: Value,
}

/// A tag of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    pub key: String,
    pub value: String,
    /// Whether instances that are launched get it too.
    pub propagate: bool,
}

/// What waits for instances that come or go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    pub name: String,
    /// Whether for those that come.
    pub launching: bool,
    pub timeout_secs: u32,
    /// What happens when nobody completes the action in time.
    pub default: Outcome,
    pub role: Option<String>,
    pub target: Option<String>,
    pub metadata: Option<String>,
}

impl Hook {
    /// The name that EKS gives the hook with which it drains.
    pub const DRAIN: &'static str = "Terminate-LC-Hook";

    /// A hook that holds back the end of instances until the owner of the group has drained them.
    pub fn drain() -> Self {
        Self {
            name: Self::DRAIN.into(),
            launching: false,
            timeout_secs: DRAIN,
            default: Outcome::Continue,
            role: None,
            target: None,
            metadata: None,
        }
    }
}

/// Where an instance is in its life in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stage {
    #[serde(rename = "Pending")]
    Pending,
    #[serde(rename = "Pending:Wait")]
    PendingWait,
    #[serde(rename = "Pending:Proceed")]
    PendingProceed,
    #[serde(rename = "InService")]
    InService,
    #[serde(rename = "Standby")]
    Standby,
    #[serde(rename = "Terminating")]
    Terminating,
    #[serde(rename = "Terminating:Wait")]
    TerminatingWait,
    #[serde(rename = "Terminating:Proceed")]
    TerminatingProceed,
}

impl Stage {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::PendingWait => "Pending:Wait",
            Self::PendingProceed => "Pending:Proceed",
            Self::InService => "InService",
            Self::Standby => "Standby",
            Self::Terminating => "Terminating",
            Self::TerminatingWait => "Terminating:Wait",
            Self::TerminatingProceed => "Terminating:Proceed",
        }
    }

    pub const fn is_coming(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::PendingWait | Self::PendingProceed
        )
    }

    pub const fn is_leaving(self) -> bool {
        matches!(
            self,
            Self::Terminating | Self::TerminatingWait | Self::TerminatingProceed
        )
    }
}

/// An instance of a group.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent, as AWS shows them"
)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub id: String,
    pub zone: String,
    pub subnet: String,
    pub instance_type: String,
    pub image: String,
    pub spot: bool,
    pub stage: Stage,
    pub healthy: bool,
    /// Why it is not healthy, if a user said so.
    #[serde(default)]
    pub user_unhealthy: bool,
    pub protected: bool,
    pub launched_ms: i64,
    #[serde(default)]
    pub template: Option<OfTemplate>,
    #[serde(default)]
    pub configuration: Option<String>,
    /// Whether it came to balance the zones: another one goes once it is in service.
    #[serde(default)]
    pub rebalancing: bool,
    /// What it waits for.
    #[serde(default)]
    pub actions: Vec<Action>,
    /// The activity that goes on with it.
    #[serde(default)]
    pub activity: Option<String>,
}

impl Member {
    /// Whether it counts for the desired capacity.
    pub const fn is_active(&self) -> bool {
        self.stage.is_coming() || matches!(self.stage, Stage::InService)
    }
}

/// A group. Named by its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    pub name: String,
    /// The part of its ARN that is its own.
    pub uuid: String,
    pub created_ms: i64,
    pub min: u32,
    pub max: u32,
    pub desired: u32,
    pub cooldown_secs: u32,
    /// The names of its zones, each once, in order.
    pub zones: Vec<String>,
    /// The ids of its subnets; none if only zones were given.
    pub subnets: Vec<String>,
    pub source: Source,
    pub health_check: String,
    pub grace_secs: u32,
    pub termination_policies: Vec<String>,
    pub protect_new: bool,
    pub tags: Vec<Tag>,
    /// Members of its description that are only shown.
    pub more: Map<String, Value>,
    #[serde(default)]
    pub suspended: Vec<String>,
    #[serde(default)]
    pub hooks: Vec<Hook>,
    #[serde(default)]
    pub members: Vec<Member>,
    #[serde(default)]
    pub deleting: bool,
    /// What a user asked for last, in the words of activities, until it is so.
    #[serde(default)]
    pub cause: Option<String>,
    /// When the last activity ended that changed the capacity, and its id.
    #[serde(default)]
    pub last: Option<(i64, String)>,
    /// After a launch that failed none is tried until then.
    #[serde(default)]
    pub retry_ms: i64,
}

impl Document for Group {
    const KIND: &'static str = "compute-group";

    fn is_open(&self) -> bool {
        true
    }
}

impl Group {
    pub fn arn(&self, place: &Registry) -> String {
        let Registry { account, region } = place;
        format!(
            "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:{}:autoScalingGroupName/{}",
            self.uuid, self.name
        )
    }

    pub const fn created(&self) -> Timestamp {
        Timestamp::from_ms(self.created_ms)
    }

    pub fn is_suspended(&self, process: &str) -> bool {
        self.suspended.iter().any(|one| one == process)
    }

    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }

    fn member_mut(&mut self, id: &str) -> Option<&mut Member> {
        self.members.iter_mut().find(|member| member.id == id)
    }

    /// How many instances count for the desired capacity.
    pub fn active(&self) -> usize {
        self.members.iter().filter(|m| m.is_active()).count()
    }
}
