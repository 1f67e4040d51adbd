//! EC2 Auto Scaling.
use crate::operation::{Entry, Protocol, Service};

mod attach_instances;
mod complete_lifecycle_action;
mod create_auto_scaling_group;
mod create_launch_configuration;
mod create_or_update_tags;
mod delete_auto_scaling_group;
mod delete_launch_configuration;
mod delete_lifecycle_hook;
mod delete_tags;
mod describe_account_limits;
mod describe_auto_scaling_groups;
mod describe_auto_scaling_instances;
mod describe_launch_configurations;
mod describe_lifecycle_hooks;
mod describe_scaling_activities;
mod describe_tags;
mod describe_warm_pool;
mod detach_instances;
mod enter_standby;
mod exit_standby;
mod model;
mod put_lifecycle_hook;
mod record_lifecycle_action_heartbeat;
mod resume_processes;
mod set_desired_capacity;
mod set_instance_health;
mod set_instance_protection;
mod suspend_processes;
mod terminate_instance_in_auto_scaling_group;
mod update_auto_scaling_group;

use attach_instances::AttachInstances;
use complete_lifecycle_action::CompleteLifecycleAction;
use create_auto_scaling_group::CreateAutoScalingGroup;
use create_launch_configuration::CreateLaunchConfiguration;
use create_or_update_tags::CreateOrUpdateTags;
use delete_auto_scaling_group::DeleteAutoScalingGroup;
use delete_launch_configuration::DeleteLaunchConfiguration;
use delete_lifecycle_hook::DeleteLifecycleHook;
use delete_tags::DeleteTags;
use describe_account_limits::DescribeAccountLimits;
use describe_auto_scaling_groups::DescribeAutoScalingGroups;
use describe_auto_scaling_instances::DescribeAutoScalingInstances;
use describe_launch_configurations::DescribeLaunchConfigurations;
use describe_lifecycle_hooks::DescribeLifecycleHooks;
use describe_scaling_activities::DescribeScalingActivities;
use describe_tags::DescribeTags;
use describe_warm_pool::DescribeWarmPool;
use detach_instances::DetachInstances;
use enter_standby::EnterStandby;
use exit_standby::ExitStandby;
use put_lifecycle_hook::PutLifecycleHook;
use record_lifecycle_action_heartbeat::RecordLifecycleActionHeartbeat;
use resume_processes::ResumeProcesses;
use set_desired_capacity::SetDesiredCapacity;
use set_instance_health::SetInstanceHealth;
use set_instance_protection::SetInstanceProtection;
use suspend_processes::SuspendProcesses;
use terminate_instance_in_auto_scaling_group::TerminateInstanceInAutoScalingGroup;
use update_auto_scaling_group::UpdateAutoScalingGroup;

pub(crate) const SERVICE: Service = Service {
    name: "autoscaling",
    protocol: Protocol::Query {
        namespace: "http://autoscaling.amazonaws.com/doc/2011-01-01/",
    },
    operations: &[
        Entry::of::<AttachInstances>(),
        Entry::of::<CompleteLifecycleAction>(),
        Entry::of::<CreateAutoScalingGroup>(),
        Entry::of::<CreateLaunchConfiguration>(),
        Entry::of::<CreateOrUpdateTags>(),
        Entry::of::<DeleteAutoScalingGroup>(),
        Entry::of::<DeleteLaunchConfiguration>(),
        Entry::of::<DeleteLifecycleHook>(),
        Entry::of::<DeleteTags>(),
        Entry::of::<DescribeAccountLimits>(),
        Entry::of::<DescribeAutoScalingGroups>(),
        Entry::of::<DescribeAutoScalingInstances>(),
        Entry::of::<DescribeLaunchConfigurations>(),
        Entry::of::<DescribeLifecycleHooks>(),
        Entry::of::<DescribeScalingActivities>(),
        Entry::of::<DescribeTags>(),
        Entry::of::<DescribeWarmPool>(),
        Entry::of::<DetachInstances>(),
        Entry::of::<EnterStandby>(),
        Entry::of::<ExitStandby>(),
        Entry::of::<PutLifecycleHook>(),
        Entry::of::<RecordLifecycleActionHeartbeat>(),
        Entry::of::<ResumeProcesses>(),
        Entry::of::<SetDesiredCapacity>(),
        Entry::of::<SetInstanceHealth>(),
        Entry::of::<SetInstanceProtection>(),
        Entry::of::<SuspendProcesses>(),
        Entry::of::<TerminateInstanceInAutoScalingGroup>(),
        Entry::of::<UpdateAutoScalingGroup>(),
    ],
    known: &[
        "AttachInstances",
        "AttachLoadBalancerTargetGroups",
        "AttachLoadBalancers",
        "AttachTrafficSources",
        "BatchDeleteScheduledAction",
        "BatchPutScheduledUpdateGroupAction",
        "CancelInstanceRefresh",
        "CompleteLifecycleAction",
        "CreateAutoScalingGroup",
        "CreateLaunchConfiguration",
        "CreateOrUpdateTags",
        "DeleteAutoScalingGroup",
        "DeleteLaunchConfiguration",
        "DeleteLifecycleHook",
        "DeleteNotificationConfiguration",
        "DeletePolicy",
        "DeleteScheduledAction",
        "DeleteTags",
        "DeleteWarmPool",
        "DescribeAccountLimits",
        "DescribeAccountSettings",
        "DescribeAdjustmentTypes",
        "DescribeAutoScalingGroups",
        "DescribeAutoScalingInstances",
        "DescribeAutoScalingNotificationTypes",
        "DescribeInstanceRefreshes",
        "DescribeLaunchConfigurations",
        "DescribeLifecycleHookTypes",
        "DescribeLifecycleHooks",
        "DescribeLoadBalancerTargetGroups",
        "DescribeLoadBalancers",
        "DescribeMetricCollectionTypes",
        "DescribeNotificationConfigurations",
        "DescribePolicies",
        "DescribeScalingActivities",
        "DescribeScalingProcessTypes",
        "DescribeScheduledActions",
        "DescribeTags",
        "DescribeTerminationPolicyTypes",
        "DescribeTrafficSources",
        "DescribeWarmPool",
        "DetachInstances",
        "DetachLoadBalancerTargetGroups",
        "DetachLoadBalancers",
        "DetachTrafficSources",
        "DisableMetricsCollection",
        "EnableMetricsCollection",
        "EnterStandby",
        "ExecutePolicy",
        "ExitStandby",
        "GetPredictiveScalingForecast",
        "LaunchInstances",
        "PutAccountSetting",
        "PutLifecycleHook",
        "PutNotificationConfiguration",
        "PutScalingPolicy",
        "PutScheduledUpdateGroupAction",
        "PutWarmPool",
        "RecordLifecycleActionHeartbeat",
        "ResumeProcesses",
        "RollbackInstanceRefresh",
        "SetDesiredCapacity",
        "SetInstanceHealth",
        "SetInstanceProtection",
        "StartInstanceRefresh",
        "SuspendProcesses",
        "TerminateInstanceInAutoScalingGroup",
        "UpdateAutoScalingGroup",
    ],
};
