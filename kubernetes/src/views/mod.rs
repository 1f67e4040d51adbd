//! What controllers read of objects: one type a kind, with the fields that somebody needs.
mod autoscaler;
mod claim;
mod cron_job;
mod daemon_set;
mod deployment;
mod job;
mod meta;
mod node;
mod pod;
mod replica_set;
mod revision;
mod stateful_set;

pub(crate) use autoscaler::{AutoscalerSpec, AutoscalerView, Behavior, ScaleTarget, ScalingRules};
pub(crate) use claim::ClaimView;
pub(crate) use cron_job::{ActiveJob, CronJobStatus, CronJobView};
pub(crate) use daemon_set::{DaemonSetStatus, DaemonSetView};
pub(crate) use deployment::{
    DeploymentCondition, DeploymentSpec, DeploymentStatus, DeploymentView,
};
pub(crate) use job::{
    FailureRule, JobCondition, JobStatus, JobView, OnExitCodes, PodFailurePolicy, SuccessPolicy,
    UncountedPods,
};
pub(crate) use meta::{Meta, OwnerReference};
pub(crate) use node::{NodeView, Taint};
pub(crate) use pod::{Condition, ContainerStatus, PodView};
pub(crate) use replica_set::{ReplicaSetCondition, ReplicaSetStatus, ReplicaSetView};
pub(crate) use revision::ControllerRevisionView;
pub(crate) use stateful_set::{StatefulSetStatus, StatefulSetView};
