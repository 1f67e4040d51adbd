//! Bindings: how a scheduler says where a pod runs.
use serde_json::Value;

use super::super::{Kind, Verbs};
use crate::validation::required;
use crate::{Errors, Path, fields};

pub(super) const BINDING: Kind = Kind {
    verbs: Verbs::Review,
    validate,
    ..Kind::new(
        "",
        "v1",
        "Binding",
        "bindings",
        "binding",
        "io.k8s.api.core.v1.Binding",
    )
};

fn validate(binding: &Value, errors: &mut Errors) {
    let (target, path) = (&binding["target"], Path::new("target"));
    let kind = fields::text(target, "kind");
    if !["", "Node"].contains(&kind) {
        errors.not_supported(&path.field("kind"), &kind.into(), &["Node", "<empty>"]);
    }
    required(target, "name", &path, errors);
}
