//! Which names of a definition are accepted, and what is said of it.
use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::fields;

pub(super) const ESTABLISHED: &str = "Established";
pub(super) const TERMINATING: &str = "Terminating";
const NAMES_ACCEPTED: &str = "NamesAccepted";
const APPROVED: &str = "KubernetesAPIApprovalPolicyConformant";
const APPROVAL: &str = "api-approved.kubernetes.io";

/// The names that other definitions of a group have.
#[derive(Debug, Default)]
pub(super) struct Taken {
    resources: BTreeSet<String>,
    kinds: BTreeSet<String>,
}

impl Taken {
    /// Adds the accepted names of a definition.
    pub(super) fn add(&mut self, definition: &Value) {
        let names = &definition["status"]["acceptedNames"];
        let text = |key| fields::text(names, key).to_owned();
        let short = fields::list(names, "shortNames").iter();
        let short = short.filter_map(Value::as_str).map(str::to_owned);
        self.resources.extend(short);
        self.resources.extend([text("plural"), text("singular")]);
        self.kinds.extend([text("kind"), text("listKind")]);
    }
}

/// Says of a definition which of its names are accepted, given those of the others, and whether it
/// is established.
pub(super) fn judge(definition: &mut Value, taken: &Taken, now: &str) {
    let (accepted, conflict) = accept(definition, taken);
    let Some(status) = fields::ensure(definition, "status") else {
        return;
    };
    fields::set(status, "acceptedNames", accepted);
    let free = conflict.is_none();
    let (state, reason, message) = match &conflict {
        None => ("True", "NoConflicts", "no conflicts found"),
        Some((reason, message)) => ("False", *reason, message.as_str()),
    };
    set_condition(definition, NAMES_ACCEPTED, (state, reason, message), now);
    if !is_true(definition, ESTABLISHED) {
        let known = condition(definition, ESTABLISHED).is_some();
        if free {
            let said = (
                "True",
                "InitialNamesAccepted",
                "the initial names have been accepted",
            );
            set_condition(definition, ESTABLISHED, said, now);
        } else if !known {
            let said = ("False", "NotAccepted", "not all names are accepted");
            set_condition(definition, ESTABLISHED, said, now);
        }
    }
    approve(definition, now);
}

/// The names that it has from now on, and what is in conflict.
fn accept(definition: &Value, taken: &Taken) -> (Value, Option<(&'static str, String)>) {
    let wanted = &definition["spec"]["names"];
    let old = &definition["status"]["acceptedNames"];
    let mut accepted = match old {
        Value::Object(names) => names.clone(),
        _ => Map::new(),
    };
    let mut conflict = None;
    let in_use = |name: &str| format!("{name:?} is already in use");
    for (key, taken, reason) in [
        ("plural", &taken.resources, "PluralConflict"),
        ("singular", &taken.resources, "SingularConflict"),
        ("kind", &taken.kinds, "KindConflict"),
        ("listKind", &taken.kinds, "ListKindConflict"),
    ] {
        let name = fields::text(wanted, key);
        if name != fields::text(old, key) && taken.contains(name) {
            conflict = Some((reason, in_use(name)));
        } else {
            accepted.insert(key.to_owned(), name.into());
        }
        // In the order in which the last conflict is the one that is told.
        if key == "singular" {
            let refused: Vec<String> = fields::list(wanted, "shortNames")
                .iter()
                .filter(|name| !fields::list(old, "shortNames").contains(name))
                .filter_map(Value::as_str)
                .filter(|name| taken.contains(*name))
                .map(in_use)
                .collect();
            match refused.as_slice() {
                [] => keep(&mut accepted, wanted, "shortNames"),
                [one] => conflict = Some(("ShortNamesConflict", one.clone())),
                several => {
                    let all = format!("[{}]", several.join(", "));
                    conflict = Some(("ShortNamesConflict", all));
                }
            }
        }
    }
    keep(&mut accepted, wanted, "categories");
    (accepted.into(), conflict)
}

fn keep(accepted: &mut Map<String, Value>, wanted: &Value, key: &str) {
    if fields::has(wanted, key) {
        accepted.insert(key.to_owned(), wanted[key].clone());
    } else {
        accepted.remove(key);
    }
}

/// Groups of the Kubernetes project say where they were approved.
fn approve(definition: &mut Value, now: &str) {
    let group = fields::text(&definition["spec"], "group");
    let protected = ["k8s.io", "kubernetes.io"].iter().any(|domain| {
        group == *domain
            || group
                .strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.'))
    });
    if !protected {
        return;
    }
    let approval = fields::text(&definition["metadata"]["annotations"], APPROVAL).to_owned();
    if approval.starts_with("unapproved") {
        let message = format!("not approved: {approval:?}");
        let said = ("False", "UnapprovedAnnotation", message.as_str());
        set_condition(definition, APPROVED, said, now);
    } else if approval.contains("://") {
        let message = format!("approved in {approval}");
        let said = ("True", "ApprovedAnnotation", message.as_str());
        set_condition(definition, APPROVED, said, now);
    }
}

fn condition<'a>(definition: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = fields::list(&definition["status"], "conditions");
    all.iter().find(|one| fields::text(one, "type") == kind)
}

pub(super) fn is_true(definition: &Value, kind: &str) -> bool {
    condition(definition, kind).is_some_and(|one| fields::text(one, "status") == "True")
}

/// Sets a condition: its status, reason and message. The time moves with the status.
pub(super) fn set_condition(
    definition: &mut Value,
    kind: &str,
    (state, reason, message): (&str, &str, &str),
    now: &str,
) {
    let old = condition(definition, kind);
    let same = old.filter(|one| fields::text(one, "status") == state);
    let time = same.map_or(now, |one| fields::text(one, "lastTransitionTime"));
    let new = json!({
        "type": kind, "status": state, "reason": reason, "message": message,
        "lastTransitionTime": time,
    });
    let Some(status) = fields::ensure(definition, "status") else {
        return;
    };
    let mut all = fields::list(status, "conditions").to_vec();
    match all.iter_mut().find(|one| fields::text(one, "type") == kind) {
        Some(one) => *one = new,
        None => all.push(new),
    }
    fields::set(status, "conditions", all);
}
