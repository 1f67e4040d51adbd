//! What the operations on lifecycle policies share.
use wharf_registry::lifecycle::{MAX_TEXT, MIN_TEXT};

use crate::{Exception, check};

/// `lifecyclePolicyText`, whose length is the model's; what it says is the domain's to check.
pub(super) fn policy_text(text: Option<String>) -> Result<String, Exception> {
    let text = check::required("lifecyclePolicyText", text)?;
    let invalid = |constraint: String| {
        Exception::invalid_parameter(format!(
            "Invalid parameter at 'lifecyclePolicyText' failed to satisfy constraint: '{constraint}'"
        ))
    };
    match text.chars().count() {
        length if length < MIN_TEXT => Err(invalid(format!(
            "Member must have length greater than or equal to {MIN_TEXT}"
        ))),
        length if length > MAX_TEXT => Err(invalid(format!(
            "Member must have length less than or equal to {MAX_TEXT}"
        ))),
        _ => Ok(text),
    }
}
