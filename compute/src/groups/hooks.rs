//! Lifecycle hooks: what holds instances back that come or go.
use serde::{Deserialize, Serialize};
use wharf_types::{Registry, Timestamp};

use super::{Group, Hook, Member, Stage, change};
use crate::{Code, Cx, Error, Tx};

/// The most hooks of a group.
const MAX_HOOKS: usize = 50;

/// How long all heartbeats together can hold an instance: 48 hours, or this many timeouts.
const MAX_TIMEOUTS: i64 = 100;
const MAX_HOLD_SECS: i64 = 48 * 3600;

/// How an action ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    #[serde(rename = "CONTINUE")]
    Continue,
    #[serde(rename = "ABANDON")]
    Abandon,
}

impl Outcome {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "CONTINUE" => Some(Self::Continue),
            "ABANDON" => Some(Self::Abandon),
            _ => None,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "CONTINUE",
            Self::Abandon => "ABANDON",
        }
    }
}

/// A hook that holds an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    pub hook: String,
    pub token: String,
    pub deadline_ms: i64,
    /// Past this no heartbeat moves the deadline.
    pub last_ms: i64,
    pub timeout_secs: u32,
    pub default: Outcome,
    pub done: Option<Outcome>,
}

impl Action {
    /// How it ended, if it did.
    pub(super) fn outcome(&self, now: Timestamp) -> Option<Outcome> {
        let over = now.as_ms() >= self.deadline_ms;
        self.done.or_else(|| over.then_some(self.default))
    }
}

impl Hook {
    /// How long this hook can hold an instance at most, in seconds.
    pub fn global_timeout_secs(&self) -> i64 {
        (i64::from(self.timeout_secs) * MAX_TIMEOUTS).min(MAX_HOLD_SECS)
    }

    pub(super) fn begin(&self, now: Timestamp) -> Action {
        let secs = |secs: i64| now.as_ms() + secs * 1000;
        Action {
            hook: self.name.clone(),
            token: uuid::Uuid::new_v4().to_string(),
            deadline_ms: secs(i64::from(self.timeout_secs)),
            last_ms: secs(self.global_timeout_secs()),
            timeout_secs: self.timeout_secs,
            default: self.default,
            done: None,
        }
    }
}

/// A new hook, or changes of one.
#[derive(Clone, Debug, Default)]
pub struct HookChanges {
    pub name: String,
    pub launching: Option<bool>,
    pub timeout_secs: Option<u32>,
    pub default: Option<Outcome>,
    pub role: Option<String>,
    pub target: Option<String>,
    pub metadata: Option<String>,
}

impl HookChanges {
    /// A hook as this says, and otherwise as it was.
    pub(super) fn apply(self, old: Option<&Hook>) -> Result<Hook, Error> {
        let launching = self.launching.or(old.map(|hook| hook.launching));
        let Some(launching) = launching else {
            return Err(Error::invalid(
                "Lifecycle Transition is required when creating a new lifecycle hook.",
            ));
        };
        let timeout_secs = self.timeout_secs.or(old.map(|hook| hook.timeout_secs));
        let timeout_secs = timeout_secs.unwrap_or(3600);
        if !(30..=7200).contains(&timeout_secs) {
            return Err(Error::invalid(
                "Heartbeat timeout must be between 30 and 7200 seconds.",
            ));
        }
        let default = self.default.or(old.map(|hook| hook.default));
        let kept = |new: Option<String>, of: fn(&Hook) -> &Option<String>| {
            new.or_else(|| old.and_then(|hook| of(hook).clone()))
        };
        Ok(Hook {
            name: self.name,
            launching,
            timeout_secs,
            default: default.unwrap_or(Outcome::Abandon),
            role: kept(self.role, |hook| &hook.role),
            target: kept(self.target, |hook| &hook.target),
            metadata: kept(self.metadata, |hook| &hook.metadata),
        })
    }
}

/// Adds or changes hooks of a group.
pub(super) fn put_in(group: &mut Group, changes: HookChanges) -> Result<(), Error> {
    let place = group
        .hooks
        .iter()
        .position(|hook| hook.name == changes.name);
    let old = place.and_then(|at| group.hooks.get(at));
    let hook = changes.apply(old)?;
    if let Some(slot) = place.and_then(|at| group.hooks.get_mut(at)) {
        *slot = hook;
        return Ok(());
    }
    if group.hooks.len() >= MAX_HOOKS {
        let text = format!("The limit of {MAX_HOOKS} lifecycle hooks is reached.");
        return Err(Error::refused(Code::LimitExceeded, text));
    }
    group.hooks.push(hook);
    Ok(())
}

/// Adds a hook to a group, or changes it.
pub async fn put_hook(
    cx: &Cx,
    place: &Registry,
    group: &str,
    changes: HookChanges,
) -> Result<(), Error> {
    change::alter(cx, place, group, move |_tx, group| {
        put_in(group, changes.clone())
    })
    .await
}

/// Removes a hook. What it holds goes on.
pub async fn delete_hook(
    cx: &Cx,
    place: &Registry,
    group: &str,
    name: String,
) -> Result<(), Error> {
    change::alter(cx, place, group, move |_tx, group| {
        let before = group.hooks.len();
        group.hooks.retain(|hook| hook.name != name);
        if group.hooks.len() == before {
            return Err(no_hook(&group.name, &name));
        }
        let held = group.members.iter_mut().flat_map(|m| &mut m.actions);
        for action in held.filter(|action| action.hook == name && action.done.is_none()) {
            action.done = Some(Outcome::Continue);
        }
        Ok(())
    })
    .await
}

fn no_hook(group: &str, name: &str) -> Error {
    Error::invalid(format!(
        "No Lifecycle Hook found with name: {name}, for AutoScalingGroup: {group}"
    ))
}

/// Ends an action, that of an instance or with a token.
pub async fn complete(
    cx: &Cx,
    place: &Registry,
    group: &str,
    which: (String, Which),
    outcome: Outcome,
) -> Result<(), Error> {
    let (hook, which) = which;
    change::alter(cx, place, group, move |_tx, group| {
        let action = find(group, &hook, &which)?;
        action.done = Some(outcome);
        Ok(())
    })
    .await
}

/// Gives an action as much time again as its hook does.
pub async fn heartbeat(
    cx: &Cx,
    place: &Registry,
    group: &str,
    which: (String, Which),
) -> Result<(), Error> {
    let (hook, which) = which;
    change::alter(cx, place, group, move |tx: &Tx<'_>, group| {
        let action = find(group, &hook, &which)?;
        let next = tx.now.as_ms() + i64::from(action.timeout_secs) * 1000;
        action.deadline_ms = next.min(action.last_ms);
        Ok(())
    })
    .await
}

/// An instance's id, or the token of an action.
#[derive(Clone, Debug)]
pub enum Which {
    Instance(String),
    Token(String),
}

fn find<'a>(group: &'a mut Group, hook: &str, which: &Which) -> Result<&'a mut Action, Error> {
    if !group.hooks.iter().any(|one| one.name == hook) {
        return Err(no_hook(&group.name, hook));
    }
    let is_meant = |id: &str, action: &Action| match which {
        Which::Instance(instance) => instance == id,
        Which::Token(token) => *token == action.token,
    };
    let mut open = group.members.iter_mut().flat_map(|member| {
        let id = &member.id;
        member.actions.iter_mut().map(move |action| (id, action))
    });
    let found = open
        .find(|(id, action)| action.hook == hook && action.done.is_none() && is_meant(id, action));
    found.map(|(_, action)| action).ok_or_else(|| {
        let with = match which {
            Which::Instance(id) => format!("instance ID {id}"),
            Which::Token(token) => format!("token {token}"),
        };
        Error::invalid(format!("No active Lifecycle Action found with {with}"))
    })
}

/// An instance that a hook holds.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub group: String,
    pub instance: String,
    /// When it goes on without an answer.
    pub deadline: Timestamp,
}

/// The instances of all groups that a hook of a name holds.
pub async fn waiting(cx: &Cx, place: &Registry, hook: &str) -> Result<Vec<Waiting>, Error> {
    let groups = change::list(cx, place).await?;
    let mut found = Vec::new();
    for group in &groups {
        for member in &group.members {
            let held = held_by(member, hook);
            found.extend(held.map(|action| Waiting {
                group: group.name.clone(),
                instance: member.id.clone(),
                deadline: Timestamp::from_ms(action.deadline_ms),
            }));
        }
    }
    Ok(found)
}

fn held_by<'a>(member: &'a Member, hook: &str) -> Option<&'a Action> {
    let waits = matches!(member.stage, Stage::PendingWait | Stage::TerminatingWait);
    let mut actions = member.actions.iter();
    actions.find(|action| waits && action.hook == hook && action.done.is_none())
}
