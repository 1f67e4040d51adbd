//! What the reading of schemas finds, as errors of an object.
use wharf_kubernetes_schema::structural::{Problem, ProblemKind};

use crate::{Errors, Path};

/// Adds problems to what is wrong.
pub(crate) fn report(problems: Vec<Problem>, errors: &mut Errors) {
    for problem in problems {
        let Problem { path, kind, detail } = problem;
        let path = Path::new(if path.is_empty() { "<nil>" } else { &path });
        match kind {
            ProblemKind::Required => errors.required(&path, &detail),
            ProblemKind::Invalid(value) => errors.invalid(&path, &value, &detail),
            ProblemKind::Forbidden => errors.forbidden(&path, &detail),
            ProblemKind::Duplicate(value) => errors.duplicate(&path, &value),
            ProblemKind::Unsupported(value, supported) => {
                let supported: Vec<&str> = supported.iter().map(String::as_str).collect();
                errors.not_supported(&path, &value, &supported);
            }
            ProblemKind::TooLong(max) => errors.too_long(&path, whole(max)),
            ProblemKind::TooMany(found, max) => {
                errors.too_many(&path, whole(found), whole(max));
            }
        }
    }
}

fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
