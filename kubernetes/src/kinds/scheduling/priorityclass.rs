//! Priority classes.
use serde_json::Value;

use super::GROUP;
use crate::{
    Errors, Path, fields,
    kinds::{
        Kind, Scope,
        cells::{self, AGE, NAME},
    },
    validation::{dns_subdomain, immutable, one_of, validate_metadata, validate_metadata_update},
};

pub(super) const ROW: Kind = Kind {
    short: &["pc"],
    scope: Scope::Cluster,
    columns: &[
        NAME,
        cells::integer("Value", |object, _| fields::integer(object, "value").into()),
        cells::boolean("Global-Default", |object, _| {
            fields::flag(object, "globalDefault").into()
        }),
        AGE,
        cells::text("PreemptionPolicy", |object, _| {
            fields::text(object, "preemptionPolicy").into()
        }),
    ],
    default: |object| {
        fields::default_pointer(object, "preemptionPolicy", "PreemptLowerPriority");
    },
    validate,
    validate_update,
    ..Kind::new(
        GROUP,
        "v1",
        "PriorityClass",
        "priorityclasses",
        "priorityclass",
        "io.k8s.api.scheduling.v1.PriorityClass",
    )
};

const HIGHEST_OF_USERS: i64 = 1_000_000_000;

fn validate(object: &Value, errors: &mut Errors) {
    validate_metadata(object, dns_subdomain, errors);
    let name = fields::text(&object["metadata"], "name");
    let value = fields::integer(object, "value");
    if name.starts_with("system-") {
        if let Err(error) = known(name, value, fields::flag(object, "globalDefault")) {
            let why = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {error}"
            );
            errors.forbidden(&Path::new("metadata").field("name"), &why);
        }
    } else if value > HIGHEST_OF_USERS {
        let why = format!("maximum allowed value of a user defined priority is {HIGHEST_OF_USERS}");
        errors.forbidden(&Path::new("value"), &why);
    }
    let policies = ["PreemptLowerPriority", "Never"];
    one_of(
        object,
        "preemptionPolicy",
        &policies,
        &Path::default(),
        errors,
    );
}

/// The two classes that the system has of its own.
fn known(name: &str, value: i64, global: bool) -> Result<(), String> {
    let wanted = match name {
        "system-node-critical" => 2_000_001_000,
        "system-cluster-critical" => 2_000_000_000,
        _ => return Err(format!("{name} is not a known system priority class")),
    };
    if value != wanted {
        return Err(format!("value of {name} PriorityClass must be {wanted}"));
    }
    if global {
        return Err(format!(
            "globalDefault of {name} PriorityClass must be false"
        ));
    }
    Ok(())
}

fn validate_update(new: &Value, old: &Value, errors: &mut Errors) {
    validate_metadata_update(new, old, errors);
    if fields::integer(new, "value") != fields::integer(old, "value") {
        errors.forbidden(&Path::new("value"), "may not be changed in an update.");
    }
    let (policy, before) = (&new["preemptionPolicy"], &old["preemptionPolicy"]);
    immutable(policy, before, &Path::new("preemptionPolicy"), errors);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(name: &str, value: i64) -> String {
        let mut errors = Errors::default();
        let class = json!({ "metadata": { "name": name }, "value": value });
        (ROW.validate)(&class, &mut errors);
        errors.to_string()
    }

    #[test]
    fn the_highest_priorities_are_the_systems() {
        assert_eq!(check("high", 1_000_000_000), "[]");
        assert_eq!(
            check("high", 1_000_000_001),
            "value: Forbidden: maximum allowed value of a user defined priority is 1000000000"
        );
        assert_eq!(check("system-node-critical", 2_000_001_000), "[]");
        assert_eq!(
            check("system-mine", 1),
            "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class"
        );
    }

    #[test]
    fn the_value_stays() {
        let mut errors = Errors::default();
        let class = |value: i64| json!({ "metadata": { "name": "a" }, "value": value });
        (ROW.validate_update)(&class(1), &class(2), &mut errors);
        let text = "value: Forbidden: may not be changed in an update.";
        assert_eq!(errors.to_string(), text);
    }
}
