//! `ResourceQuota`: how much of everything a namespace may have.
//!
//! The quotas that these functions get are all of the namespace; `hard` and `used` are those of
//! their status, as in the API server. Two requests at the same time must not both be checked
//! against the same usage: the caller writes the quotas that it gets back together with the object.
use serde_json::Value;
use wharf_types::Timestamp;

use super::amounts::{self, Amounts};
use crate::{fields, validation::Quantity};

mod pods;
#[cfg(test)]
mod tests;
mod usage;

/// Charges a new object to the quotas of its namespace. What comes back are the quotas whose
/// `status.used` has changed.
///
/// # Errors
/// The reason why it is forbidden, as `exceeded quota: …`.
pub fn charge_create(
    quotas: &[Value],
    group: &str,
    plural: &str,
    object: &Value,
    now: Timestamp,
) -> Result<Vec<Value>, String> {
    let wanted = usage::of(group, plural, object, now);
    charge(quotas, group, plural, object, &|_| wanted.clone())
}

/// The same for an object that changes, of which only what is more counts.
///
/// # Errors
/// The reason why it is forbidden, as `exceeded quota: …`.
pub fn charge_update(
    quotas: &[Value],
    group: &str,
    plural: &str,
    new: &Value,
    old: &Value,
    now: Timestamp,
) -> Result<Vec<Value>, String> {
    let wanted = usage::of(group, plural, new, now);
    let before = usage::of(group, plural, old, now);
    let mut more = wanted.clone();
    for (name, amount) in &mut more {
        if let Some(was) = before.get(name) {
            *amount = amount.minus(*was).max(Quantity::ZERO);
        }
    }
    charge(quotas, group, plural, new, &|quota| {
        if usage::matches(quota, group, plural, old) {
            more.clone()
        } else {
            wanted.clone()
        }
    })
}

/// Whether a quota counts anything of the objects of a resource.
pub fn is_about(quota: &Value, group: &str, plural: &str) -> bool {
    let mut hard = fields::entries(&quota["spec"], "hard");
    hard.any(|(name, _)| usage::counts(group, plural, name))
}

/// All that quotas could count of an object, to tell whether that changed.
pub fn uses(group: &str, plural: &str, object: &Value, now: Timestamp) -> Value {
    amounts::write(&usage::of(group, plural, object, now))
}

/// The status of a quota, counted anew from all objects of its namespace: group, plural, object.
pub fn recount<'a>(
    quota: &Value,
    objects: impl IntoIterator<Item = (&'a str, &'a str, &'a Value)>,
    now: Timestamp,
) -> Value {
    let hard = amounts::read(&quota["spec"], "hard");
    let mut used: Amounts = hard
        .keys()
        .map(|name| (name.clone(), Quantity::ZERO))
        .collect();
    for (group, plural, object) in objects {
        if !usage::in_scope(quota, group, plural, object) {
            continue;
        }
        for (name, amount) in usage::of(group, plural, object, now) {
            if let Some(sum) = used.get_mut(&name) {
                *sum = sum.plus(amount);
            }
        }
    }
    serde_json::json!({ "hard": amounts::write(&hard), "used": amounts::write(&used) })
}

fn charge(
    quotas: &[Value],
    group: &str,
    plural: &str,
    object: &Value,
    delta: &dyn Fn(&Value) -> Amounts,
) -> Result<Vec<Value>, String> {
    let mut charged = Vec::new();
    for quota in quotas {
        if !usage::matches(quota, group, plural, object) {
            continue;
        }
        let mut delta = delta(quota);
        delta.retain(|_, amount| !amount.is_zero());
        if delta.is_empty() {
            continue;
        }
        let hard = amounts::read(&quota["status"], "hard");
        check_stated(quota, group, plural, object, &hard)?;
        delta.retain(|name, _| hard.contains_key(name));
        if delta.is_empty() {
            continue;
        }
        charged.push(add(quota, &hard, &delta)?);
    }
    Ok(charged)
}

fn name(quota: &Value) -> &str {
    fields::text(&quota["metadata"], "name")
}

/// Pods have to say what a quota counts, and the quota has to know what it has.
fn check_stated(
    quota: &Value,
    group: &str,
    plural: &str,
    object: &Value,
    hard: &Amounts,
) -> Result<(), String> {
    let counted = || {
        hard.keys()
            .filter(|name| usage::counts(group, plural, name))
    };
    if (group, plural) == ("", "pods") {
        pods::check_stated(object, hard)
            .map_err(|why| format!("failed quota: {}: {why}", name(quota)))?;
    }
    let used = &quota["status"]["used"];
    if counted().any(|name| !fields::has(used, name)) {
        let names: Vec<&str> = counted().map(String::as_str).collect();
        let names = names.join(",");
        return Err(format!(
            "status unknown for quota: {}, resources: {names}",
            name(quota)
        ));
    }
    Ok(())
}

/// The quota with more in use.
fn add(quota: &Value, hard: &Amounts, delta: &Amounts) -> Result<Value, String> {
    let used = amounts::read(&quota["status"], "used");
    let mut sum = used.clone();
    amounts::add(&mut sum, delta);
    let exceeded: Vec<&String> = delta
        .keys()
        .filter(|name| sum.get(*name) > hard.get(*name))
        .collect();
    if exceeded.is_empty() {
        let mut quota = quota.clone();
        if let Some(status) = fields::ensure(&mut quota, "status") {
            fields::set(status, "used", amounts::write(&sum));
        }
        return Ok(quota);
    }
    let show = |amounts: &Amounts| {
        let parts: Vec<String> = exceeded
            .iter()
            .filter_map(|name| Some(format!("{name}={}", amounts.get(*name)?)))
            .collect();
        parts.join(",")
    };
    Err(format!(
        "exceeded quota: {}, requested: {}, used: {}, limited: {}",
        name(quota),
        show(delta),
        show(&used),
        show(hard)
    ))
}
