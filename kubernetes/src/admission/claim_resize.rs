//! `PersistentVolumeClaimResize`: a claim grows only if it is bound and its class allows it.
use serde_json::Value;

use crate::validation::Quantity;
use crate::{fields, kinds};

/// Checks a change of a claim. `class` is the storage class that the new state names, if there is one.
///
/// # Errors
/// Why it may not grow.
pub fn check(new: &Value, old: &Value, class: Option<&Value>) -> Result<(), &'static str> {
    let size = |claim: &Value| {
        let storage = &claim["spec"]["resources"]["requests"]["storage"];
        Quantity::of(storage).unwrap_or(Quantity::ZERO)
    };
    if size(new) <= size(old) {
        return Ok(());
    }
    if old["status"]["phase"] != "Bound" {
        return Err("Only bound persistent volume claims can be expanded");
    }
    let (name, before) = (kinds::claim_class(new), kinds::claim_class(old));
    let allowed = class.is_some_and(|class| fields::flag(class, "allowVolumeExpansion"));
    if name.is_empty() || name != before || !allowed {
        return Err(
            "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claim(size: &str, phase: &str) -> Value {
        json!({
            "spec": { "storageClassName": "gp3", "resources": { "requests": { "storage": size } } },
            "status": { "phase": phase },
        })
    }

    #[test]
    fn only_bound_claims_of_classes_that_allow_it_grow() {
        let allows = json!({ "allowVolumeExpansion": true });
        let not = json!({});
        let refused = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";
        for (size, phase, class, wanted) in [
            ("2Gi", "Bound", Some(&allows), Ok(())),
            ("2Gi", "Bound", Some(&not), Err(refused)),
            ("2Gi", "Bound", None, Err(refused)),
            ("1Gi", "Bound", None, Ok(())),
            (
                "2Gi",
                "Pending",
                Some(&allows),
                Err("Only bound persistent volume claims can be expanded"),
            ),
        ] {
            let (new, old) = (claim(size, phase), claim("1Gi", phase));
            assert_eq!(check(&new, &old, class), wanted, "{size} {phase}");
        }
    }
}
