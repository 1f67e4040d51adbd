//! The fields of an object against its schema, as the server says what is wrong with them.
use serde_json::Value;
use wharf_kubernetes_schema::fields;

use super::write::FieldValidation;
use super::{Resource, What};
use crate::Status;

/// Brings an object into its canonical form. Unknown fields are dropped, refused or warned of; so
/// are `duplicates`, which were found when the body was read.
pub(super) fn normalize(
    resource: &Resource,
    object: &mut Value,
    validation: FieldValidation,
    duplicates: &[String],
) -> Result<Vec<String>, Status> {
    let Some((schema, id)) = resource.schema() else {
        return Ok(Vec::new());
    };
    let (kind, version) = (&resource.kind, &resource.version);
    let cannot = |why: &str| {
        let text = match &resource.what {
            What::Builtin(_) => {
                format!("{kind} in version {version:?} cannot be handled as a {kind}: {why}")
            }
            What::Custom(_) => why.to_owned(),
        };
        Status::bad_request(text)
    };
    let unknown =
        fields::normalize(schema, id, object).map_err(|wrong| cannot(&wrong.to_string()))?;
    let found = duplicates.iter().cloned();
    let found: Vec<String> = found
        .chain(unknown.iter().map(ToString::to_string))
        .collect();
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(found),
        FieldValidation::Strict if found.is_empty() => Ok(found),
        FieldValidation::Strict => {
            let all = found.join(", ");
            Err(cannot(&format!("strict decoding error: {all}")))
        }
    }
}
