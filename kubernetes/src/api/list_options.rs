//! Which parameters of a list or a watch may stand together.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list>
use serde_json::json;

use super::query::Query;
use crate::errors::Path;
use crate::{Errors, Status};

const EXACT: &str = "Exact";
const NOT_OLDER: &str = "NotOlderThan";

/// Refuses what contradicts itself in the parameters of a list.
pub(super) fn check_list(query: &Query) -> Result<(), Status> {
    let mut errors = Errors::default();
    let path = Path::new("resourceVersionMatch");
    let revision = query.get("resourceVersion");
    let go_on = query.get("continue").is_some();
    if let Some(how) = query.get("resourceVersionMatch") {
        if revision.is_none() {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            errors.forbidden(&path, why);
        }
        if go_on {
            errors.forbidden(&path, NO_MATCH_AND_CONTINUE);
        }
        if how != EXACT && how != NOT_OLDER {
            errors.not_supported(&path, &json!(how), &[EXACT, NOT_OLDER, ""]);
        }
        if how == EXACT && revision == Some("0") {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            errors.forbidden(&path, why);
        }
    }
    if query.get("sendInitialEvents").is_some() {
        let path = Path::new("sendInitialEvents");
        errors.forbidden(&path, "sendInitialEvents is forbidden for list");
    }
    refuse(&errors)?;
    if go_on && revision.is_some_and(|revision| revision != "0") {
        return Err(Status::bad_request(
            "specifying resource version is not allowed when using continue",
        ));
    }
    Ok(())
}

/// Refuses what contradicts itself in the parameters of a watch.
pub(super) fn check_watch(query: &Query) -> Result<(), Status> {
    let mut errors = Errors::default();
    let path = Path::new("resourceVersionMatch");
    let how = query.get("resourceVersionMatch");
    let initial = query.get("sendInitialEvents").is_some();
    if initial && how != Some(NOT_OLDER) {
        let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
        errors.forbidden(&path, why);
    }
    if let Some(how) = how {
        if !initial {
            let why =
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            errors.forbidden(&path, why);
        }
        if how != NOT_OLDER {
            errors.not_supported(&path, &json!(how), &[NOT_OLDER]);
        }
        if query.get("continue").is_some() {
            errors.forbidden(&path, NO_MATCH_AND_CONTINUE);
        }
    }
    refuse(&errors)
}

const NO_MATCH_AND_CONTINUE: &str = "resourceVersionMatch is forbidden when continue is provided";

fn refuse(errors: &Errors) -> Result<(), Status> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid("ListOptions", "meta.k8s.io", "", errors))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn code(check: fn(&Query) -> Result<(), Status>, text: &str) -> StatusCode {
        check(&Query::parse(text)).map_or_else(|status| status.code, |()| StatusCode::OK)
    }

    #[test]
    fn lists() {
        for (text, wanted) in [
            ("", 200),
            ("resourceVersion=0", 200),
            ("resourceVersion=5&resourceVersionMatch=Exact", 200),
            ("resourceVersion=0&resourceVersionMatch=NotOlderThan", 200),
            ("resourceVersion=0&resourceVersionMatch=Exact", 422),
            ("resourceVersionMatch=Exact", 422),
            ("resourceVersion=5&resourceVersionMatch=Newest", 422),
            (
                "continue=a&resourceVersion=5&resourceVersionMatch=Exact",
                422,
            ),
            ("sendInitialEvents=true", 422),
            ("continue=a", 200),
            ("continue=a&resourceVersion=0", 200),
            ("continue=a&resourceVersion=5", 400),
        ] {
            assert_eq!(code(check_list, text), wanted, "{text}");
        }
    }

    #[test]
    fn watches() {
        let initial = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
        assert_eq!(code(check_watch, initial), 200);
        for (text, wanted) in [
            ("", 200),
            ("resourceVersion=5", 200),
            ("sendInitialEvents=true", 422),
            ("sendInitialEvents=false", 422),
            ("sendInitialEvents=true&resourceVersionMatch=Exact", 422),
            ("resourceVersionMatch=NotOlderThan", 422),
        ] {
            assert_eq!(code(check_watch, text), wanted, "{text}");
        }
    }

    #[test]
    fn the_refusal_is_of_the_options() {
        let status = check_list(&Query::parse("resourceVersionMatch=Exact")).unwrap_err();
        let wanted = "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided";
        assert_eq!(status.message, wanted);
    }
}
