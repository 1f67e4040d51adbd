//! What may change in a pod.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::validation::{
    in_range, validate_image_space, validate_metadata_update, validate_tolerations,
};
use crate::{Errors, Path, fields};

const UPDATABLE: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub(super) fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let (new, old, path) = (&new["spec"], &old["spec"], Path::new("spec"));
    for list in ["containers", "initContainers"] {
        if !validate_images(new, old, list, &path.field(list), errors) {
            return;
        }
    }
    if !validate_deadline(new, old, &path.field("activeDeadlineSeconds"), errors) {
        return;
    }
    validate_added_tolerations(new, old, &path.field("tolerations"), errors);
    validate_removed_gates(new, old, &path.field("schedulingGates"), errors);
    let mut munged = new.clone();
    munge(&mut munged, old);
    if !fields::list(old, "schedulingGates").is_empty() {
        munge_gated(&mut munged, old, &path, errors);
    }
    if !fields::same(&munged, old) {
        let difference = difference(old, &munged);
        errors.forbidden(&path, &format!("{UPDATABLE}\n{difference}"));
    }
}

/// `false` if the lists have nothing in common.
fn validate_images(new: &Value, old: &Value, list: &str, path: &Path, errors: &mut Errors) -> bool {
    let containers = fields::list(new, list);
    if containers.len() != fields::list(old, list).len() {
        errors.forbidden(path, "pod updates may not add or remove containers");
        return false;
    }
    for (i, container) in containers.iter().enumerate() {
        let path = path.index(i);
        if fields::text(container, "image").is_empty() {
            errors.required(&path.field("image"), "");
        }
        validate_image_space(container, &path, errors);
    }
    true
}

/// `false` if nothing else has to be looked at.
fn validate_deadline(new: &Value, old: &Value, path: &Path, errors: &mut Errors) -> bool {
    let key = "activeDeadlineSeconds";
    let (new, old) = (fields::number(&new[key]), fields::number(&old[key]));
    match (new, old) {
        (Some(seconds), _) if !(0..=i64::from(i32::MAX)).contains(&seconds) => {
            for message in in_range(seconds, 0, i64::from(i32::MAX)) {
                errors.invalid(path, &seconds.into(), &message);
            }
            false
        }
        (Some(new), Some(old)) if old < new => {
            let why = "must be less than or equal to previous value";
            errors.invalid(path, &new.into(), why);
            false
        }
        (None, Some(_)) => {
            let why = "must not update from a positive integer to nil value";
            errors.invalid(path, &Value::Null, why);
            true
        }
        _ => true,
    }
}

fn validate_added_tolerations(new: &Value, old: &Value, path: &Path, errors: &mut Errors) {
    let timeless = |toleration: &Value| {
        let mut toleration = toleration.clone();
        fields::remove(&mut toleration, "tolerationSeconds");
        toleration.to_string()
    };
    let present: BTreeSet<String> = fields::list(new, "tolerations")
        .iter()
        .map(timeless)
        .collect();
    let mut before = fields::list(old, "tolerations").iter();
    if before.any(|toleration| !present.contains(&timeless(toleration))) {
        let why = "existing toleration can not be modified except its tolerationSeconds";
        errors.forbidden(path, why);
        return;
    }
    validate_tolerations(new, path, errors);
}

fn validate_removed_gates(new: &Value, old: &Value, path: &Path, errors: &mut Errors) {
    let before: BTreeSet<&str> = fields::list(old, "schedulingGates")
        .iter()
        .map(|gate| fields::text(gate, "name"))
        .collect();
    for (i, gate) in fields::list(new, "schedulingGates").iter().enumerate() {
        let name = fields::text(gate, "name");
        if !before.contains(name) {
            let why = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            errors.forbidden(&path.index(i).field("name"), &why);
        }
    }
}

/// Takes back every change that is allowed.
fn munge(munged: &mut Value, old: &Value) {
    for list in ["containers", "initContainers"] {
        for (container, before) in fields::each(munged, list).zip(fields::list(old, list)) {
            take_back(container, before, "image");
        }
    }
    for key in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
        take_back(munged, old, key);
    }
    let grace = "terminationGracePeriodSeconds";
    if fields::integer(old, grace) < 0 && fields::integer(munged, grace) == 1 {
        take_back(munged, old, grace);
    }
}

pub(super) fn take_back(munged: &mut Value, old: &Value, key: &str) {
    match &old[key] {
        Value::Null => {
            fields::remove(munged, key);
        }
        before => fields::set(munged, key, before.clone()),
    }
}

/// While a pod is gated, where it runs may be narrowed down.
fn munge_gated(munged: &mut Value, old: &Value, path: &Path, errors: &mut Errors) {
    let before = &old["nodeSelector"];
    let kept = fields::entries(old, "nodeSelector")
        .all(|(key, value)| munged["nodeSelector"].get(key) == Some(value));
    if !fields::same(&munged["nodeSelector"], before) && !kept {
        let why = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        errors.invalid(&path.field("nodeSelector"), &munged["nodeSelector"], why);
    }
    take_back(munged, old, "nodeSelector");
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let (was, now) = (
        &old["affinity"]["nodeAffinity"],
        &munged["affinity"]["nodeAffinity"],
    );
    let terms = fields::list(&was[required], "nodeSelectorTerms");
    let new_terms = fields::list(&now[required], "nodeSelectorTerms");
    let here = path.field("affinity").field("nodeAffinity").field(required);
    let here = here.field("nodeSelectorTerms");
    if !terms.is_empty() && terms.len() != new_terms.len() {
        let why = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        errors.invalid(&here, &now[required]["nodeSelectorTerms"], why);
    } else {
        for (i, (old, new)) in terms.iter().zip(new_terms).enumerate() {
            if !only_added(old, new) {
                let why = "only additions are allowed (no mutations or deletions)";
                errors.invalid(&here.index(i), new, why);
            }
        }
    }
    match &old["affinity"] {
        Value::Null => {
            let others = ["podAffinity", "podAntiAffinity"];
            if !others
                .iter()
                .any(|key| fields::has(&munged["affinity"], key))
            {
                fields::remove(munged, "affinity");
            }
        }
        affinity => {
            if let Some(here) = fields::ensure(munged, "affinity") {
                take_back(here, affinity, "nodeAffinity");
            }
        }
    }
}

/// The old terms of a selector start the new ones.
fn only_added(old: &Value, new: &Value) -> bool {
    let empty = |term: &Value| {
        fields::list(term, "matchExpressions").is_empty()
            && fields::list(term, "matchFields").is_empty()
    };
    if empty(old) {
        // An empty term takes nothing, so that anything added would take more.
        return empty(new);
    }
    ["matchExpressions", "matchFields"].iter().all(|key| {
        let (old, new) = (fields::list(old, key), fields::list(new, key));
        new.starts_with(old)
    })
}

/// An update through the `ephemeralcontainers` subresource, besides the validation of pods.
pub fn validate_ephemeral_containers_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    let path = Path::new("spec").field("ephemeralContainers");
    if fields::has(
        &old["metadata"]["annotations"],
        "kubernetes.io/config.mirror",
    ) {
        let why = "static pods do not support ephemeral containers";
        errors.forbidden(&Path::new(""), why);
        return;
    }
    let present: BTreeMap<&str, &Value> = fields::list(&new["spec"], "ephemeralContainers")
        .iter()
        .map(|container| (fields::text(container, "name"), container))
        .collect();
    for before in fields::list(&old["spec"], "ephemeralContainers") {
        let name = fields::text(before, "name");
        match present.get(name) {
            None => {
                let why = format!("existing ephemeral containers {name:?} may not be removed\n");
                errors.forbidden(&path, &why);
            }
            Some(now) if !fields::same(now, before) => {
                let difference = difference(before, now);
                let why = format!(
                    "existing ephemeral containers {name:?} may not be changed\n{difference}"
                );
                errors.forbidden(&path, &why);
            }
            Some(_) => {}
        }
    }
}

/// A unified diff of two values: the lines between their common start and end.
fn difference(old: &Value, new: &Value) -> String {
    const CONTEXT: usize = 3;
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let (old, new) = (pretty(old), pretty(new));
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - start;
    let ends = old.iter().rev().zip(new.iter().rev()).take(most);
    let end = ends.take_while(|(a, b)| a == b).count();
    let from = start.saturating_sub(CONTEXT);
    let after = end.min(CONTEXT);
    let part = |lines: &[&str], from: usize, to: usize, mark: char| {
        let lines = lines.get(from..to).unwrap_or_default();
        let lines = lines.iter().map(|line| format!("{mark}{line}\n"));
        lines.collect::<Vec<String>>().concat()
    };
    let (old_end, new_end) = (old.len() - end, new.len() - end);
    format!(
        "@@ -{},{} +{},{} @@\n{}{}{}{}",
        from + 1,
        old_end + after - from,
        from + 1,
        new_end + after - from,
        part(&old, from, start, ' '),
        part(&old, start, old_end, '-'),
        part(&new, start, new_end, '+'),
        part(&old, old_end, old_end + after, ' '),
    )
}
