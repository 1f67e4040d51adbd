//! What a group did, as `DescribeScalingActivities` tells it.
use serde::{Deserialize, Serialize};
use wharf_storage::Document;
use wharf_types::{Registry, Timestamp};

use super::{Group, Member};
use crate::{Cx, Error, Tx};

/// How many activities of a group are kept.
const KEPT: usize = 200;

/// How far an activity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    PreInService,
    InProgress,
    MidLifecycleAction,
    Successful,
    Failed,
    Cancelled,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreInService => "PreInService",
            Self::InProgress => "InProgress",
            Self::MidLifecycleAction => "MidLifecycleAction",
            Self::Successful => "Successful",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
        }
    }

    const fn is_over(self) -> bool {
        matches!(self, Self::Successful | Self::Failed | Self::Cancelled)
    }
}

/// An activity. Named by its group, then by its time, the latest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Activity {
    pub id: String,
    pub group: String,
    pub group_arn: String,
    pub description: String,
    pub cause: String,
    pub start_ms: i64,
    pub end_ms: Option<i64>,
    pub status: Status,
    pub message: Option<String>,
    pub progress: u8,
    /// JSON.
    pub details: String,
}

impl Document for Activity {
    const KIND: &'static str = "compute-activity";
}

/// A name that sorts by group, then by time from the latest to the first. The id has both.
fn name(group: &str, id: &str) -> String {
    format!("{group}\u{1}{id}")
}

/// An id whose beginning falls with time: those of one group are in the order they are shown in.
fn new_id(now: Timestamp) -> String {
    let left = i64::MAX - now.as_ms();
    let random = uuid::Uuid::new_v4().simple().to_string();
    let text = format!("{left:016x}{}", random.get(..16).unwrap_or_default());
    match uuid::Uuid::try_parse(&text) {
        Ok(id) => id.to_string(),
        Err(_impossible) => random,
    }
}

/// A new activity with a subnet and zone in its details.
pub(super) fn begin(
    tx: &Tx<'_>,
    group: &Group,
    member: &Member,
    description: &str,
    cause: &str,
) -> Result<Activity, Error> {
    let details = serde_json::json!({
        "Subnet ID": member.subnet, "Availability Zone": member.zone,
    });
    let activity = Activity {
        id: new_id(tx.now),
        group: group.name.clone(),
        group_arn: group.arn(&tx.here.place),
        description: format!("{description}: {}", member.id),
        // As long as AWS lets it be.
        cause: cause.chars().take(1023).collect(),
        start_ms: tx.now.as_ms(),
        end_ms: None,
        status: Status::InProgress,
        message: None,
        progress: 50,
        details: details.to_string(),
    };
    put(tx, &activity)?;
    Ok(activity)
}

/// Records a launch that failed.
pub(super) fn failed(tx: &Tx<'_>, group: &Group, cause: &str, message: &str) -> Result<(), Error> {
    let activity = Activity {
        id: new_id(tx.now),
        group: group.name.clone(),
        group_arn: group.arn(&tx.here.place),
        description: format!(
            "Launching a new EC2 instance.  Status Reason: {message} Launching EC2 instance failed."
        ),
        cause: cause.chars().take(1023).collect(),
        start_ms: tx.now.as_ms(),
        end_ms: Some(tx.now.as_ms()),
        status: Status::Failed,
        message: Some(
            format!("{message} Launching EC2 instance failed.")
                .chars()
                .take(255)
                .collect(),
        ),
        progress: 100,
        details: "{}".into(),
    };
    put(tx, &activity)
}

/// Moves an activity on; whether it is over now.
pub(super) fn proceed(
    tx: &Tx<'_>,
    group: &str,
    id: Option<&str>,
    status: Status,
) -> Result<(), Error> {
    let Some(id) = id else {
        return Ok(());
    };
    let found = tx
        .tx
        .document::<Activity>(&tx.here.owner, &name(group, id))?;
    let Some(stored) = found else {
        return Ok(());
    };
    let mut activity = stored.body;
    if activity.status.is_over() {
        return Ok(());
    }
    activity.status = status;
    if status.is_over() {
        activity.end_ms = Some(tx.now.as_ms());
        activity.progress = 100;
    }
    put(tx, &activity)
}

fn put(tx: &Tx<'_>, activity: &Activity) -> Result<(), Error> {
    let name = name(&activity.group, &activity.id);
    Ok(tx
        .tx
        .put_document(&tx.here.owner, &name, activity, tx.now)?)
}

/// Forgets the oldest activities of a group beyond those that are kept.
pub(super) fn trim(tx: &Tx<'_>, group: &str, kept: usize) -> Result<(), Error> {
    let all = of(tx.tx, &tx.here.owner, group, KEPT * 2)?;
    for old in all.iter().skip(kept) {
        let name = name(group, &old.id);
        tx.tx.delete_document::<Activity>(&tx.here.owner, &name)?;
    }
    Ok(())
}

/// Forgets what is too old.
pub(super) fn trim_to_limit(tx: &Tx<'_>, group: &str) -> Result<(), Error> {
    trim(tx, group, KEPT)
}

fn of(
    tx: &wharf_storage::Read<'_>,
    owner: &wharf_storage::Owner,
    group: &str,
    limit: usize,
) -> Result<Vec<Activity>, Error> {
    let found = tx.documents::<Activity>(owner, &name(group, ""), limit)?;
    let own = found.into_iter().map(|stored| stored.body);
    Ok(own.take_while(|activity| activity.group == group).collect())
}

/// The activities of a group, or of all groups, the latest first.
pub async fn list(
    cx: &Cx,
    place: &Registry,
    group: Option<String>,
) -> Result<Vec<Activity>, Error> {
    let found = cx.ask(place, move |tx, here| {
        if let Some(group) = &group {
            return of(tx, &here.owner, group, KEPT * 2);
        }
        let all = tx.documents::<Activity>(&here.owner, "", super::MAX * KEPT)?;
        let mut all: Vec<Activity> = all.into_iter().map(|stored| stored.body).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    });
    found.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_from_the_latest_to_the_first() {
        let first = new_id(Timestamp::from_ms(1_000_000));
        let later = new_id(Timestamp::from_ms(1_000_001));
        assert!(later < first);
        assert_eq!(first.len(), 36);
    }
}
