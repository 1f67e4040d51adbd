//! The parameters of a request.
use crate::Status;
use crate::cluster::FieldValidation;

/// What comes after the `?`.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = form_urlencoded::parse(text.as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// The first value of a name; none if it is empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(own, _)| own == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.0.iter().any(|(own, value)| {
            own == name
                && !matches!(
                    value.as_str(),
                    "false" | "0" | "f" | "F" | "False" | "FALSE"
                )
        })
    }

    /// A number, or a clear error.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Status> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let bad = |_e| {
            let why = format!("strconv.ParseInt: parsing {text:?}: invalid syntax");
            Status::bad_request(format!("unable to decode query parameter {name}: {why}"))
        };
        text.parse().map(Some).map_err(bad)
    }

    /// All values of a name, in order.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let own = self.0.iter().filter(|(own, _)| own == name);
        own.map(|(_, value)| value.clone()).collect()
    }

    /// A number that may be negative, or a clear error.
    pub(super) fn signed(&self, name: &str) -> Result<Option<i64>, Status> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let bad = |_e| {
            let why = format!("strconv.ParseInt: parsing {text:?}: invalid syntax");
            Status::bad_request(format!("unable to decode query parameter {name}: {why}"))
        };
        text.parse().map(Some).map_err(bad)
    }

    /// Whether everything should be done but storing.
    pub(super) fn dry_run(&self) -> Result<bool, Status> {
        let mut values = self.0.iter().filter(|(name, _)| name == "dryRun");
        let Some((_, value)) = values.next() else {
            return Ok(false);
        };
        if value == "All" {
            return Ok(true);
        }
        Err(Status::bad_request(format!(
            "Invalid value: \"{value}\": dryRun: Unsupported value: {value:?}: supported values: \"All\""
        )))
    }

    pub(super) fn validation(&self) -> Result<FieldValidation, Status> {
        Ok(match self.get("fieldValidation") {
            None | Some("Warn") => FieldValidation::Warn,
            Some("Ignore") => FieldValidation::Ignore,
            Some("Strict") => FieldValidation::Strict,
            Some(other) => {
                return Err(Status::bad_request(format!(
                    "fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
                )));
            }
        })
    }
}
