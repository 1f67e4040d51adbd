//! Adds a hook that holds instances back which come or go, or changes it.
use super::model::{self, invalid, name, refused};
use crate::{Cx, Exception, operation::Operation};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_compute::groups::{self, HookChanges, Outcome};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutLifecycleHook {
    lifecycle_hook_name: Option<String>,
    auto_scaling_group_name: Option<String>,
    lifecycle_transition: Option<String>,
    #[serde(rename = "RoleARN")]
    role_arn: Option<String>,
    #[serde(rename = "NotificationTargetARN")]
    notification_target_arn: Option<String>,
    notification_metadata: Option<String>,
    heartbeat_timeout: Option<i64>,
    default_result: Option<String>,
}

impl Operation for PutLifecycleHook {
    const NAME: &'static str = "PutLifecycleHook";
    type Output = Value;

    async fn run(self, cx: Cx) -> Result<Value, Exception> {
        let group = name("AutoScalingGroupName", self.auto_scaling_group_name)?;
        let input = HookInput {
            lifecycle_hook_name: self.lifecycle_hook_name,
            lifecycle_transition: self.lifecycle_transition,
            role_arn: self.role_arn,
            notification_target_arn: self.notification_target_arn,
            notification_metadata: self.notification_metadata,
            heartbeat_timeout: self.heartbeat_timeout,
            default_result: self.default_result,
        };
        let changes = input.changes()?;
        let done = groups::put_hook(&cx.compute, &cx.registry, &group, changes).await;
        done.map_err(refused)?;
        Ok(json!({}))
    }
}

/// A hook as calls have it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HookInput {
    lifecycle_hook_name: Option<String>,
    lifecycle_transition: Option<String>,
    notification_metadata: Option<String>,
    heartbeat_timeout: Option<i64>,
    default_result: Option<String>,
    #[serde(rename = "NotificationTargetARN")]
    notification_target_arn: Option<String>,
    #[serde(rename = "RoleARN")]
    role_arn: Option<String>,
}

/// `LifecycleTransition` of instances that come, and of those that go.
pub(super) const LAUNCHING: &str = "autoscaling:EC2_INSTANCE_LAUNCHING";
pub(super) const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

impl HookInput {
    pub(super) fn changes(self) -> Result<HookChanges, Exception> {
        let launching = match self.lifecycle_transition.as_deref() {
            None => None,
            Some(LAUNCHING) => Some(true),
            Some(TERMINATING) => Some(false),
            Some(_) => {
                let text = format!(
                    "Invalid Lifecycle Transition. Valid lifecycle transitions are: [{LAUNCHING}, {TERMINATING}]"
                );
                return Err(invalid(text));
            }
        };
        let timeout = self.heartbeat_timeout;
        let timeout = timeout.map(|secs| model::size("HeartbeatTimeout", secs));
        let default = self.default_result.as_deref().map(outcome).transpose()?;
        Ok(HookChanges {
            name: model::hook_name(self.lifecycle_hook_name)?,
            launching,
            timeout_secs: timeout.transpose()?,
            default,
            role: self.role_arn,
            target: self.notification_target_arn,
            metadata: self.notification_metadata,
        })
    }
}

/// How an action ends.
pub(super) fn outcome(text: &str) -> Result<Outcome, Exception> {
    let text = text.to_ascii_uppercase();
    let found = Outcome::parse(&text);
    found.ok_or_else(|| invalid("Lifecycle hook result must be either CONTINUE or ABANDON."))
}
