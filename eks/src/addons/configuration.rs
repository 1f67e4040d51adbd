//! `configurationValues`: JSON, or YAML, whose members are those of the add-on's schema.
use serde_json::{Map, Value};

use super::catalogue::CatalogueAddon;
use crate::Error;

/// The longest text.
const MAX: usize = 64 * 1024;

/// Demands that a text can configure an add-on.
///
/// JSON is checked against the schema. Of YAML only the names at the top are: the rest is for what
/// reads it.
pub(super) fn check(addon: &CatalogueAddon, text: &str) -> Result<(), Error> {
    let refused = |why: &str| {
        let text = format!("ConfigurationValue provided in request is not supported: {why}");
        Error::invalid_parameter(text).addon(addon.name)
    };
    if text.len() > MAX {
        return Err(refused("it is longer than 64 KiB"));
    }
    let violation = if text.trim_start().starts_with('{') {
        let values: Map<String, Value> = serde_json::from_str(text)
            .map_err(|_malformed| refused("Json or Yaml parsing failed"))?;
        addon.violation(&values)
    } else {
        let names = names(text).ok_or_else(|| refused("Json or Yaml parsing failed"))?;
        // `null` is what every member with a structure may be.
        names.into_iter().find_map(|name| {
            let unknown = !addon.has(&name);
            unknown.then(|| {
                format!("$.{name}: is not defined in the schema and the schema does not allow additional properties")
            })
        })
    };
    match violation {
        None => Ok(()),
        Some(why) => Err(refused(&format!(
            "Json schema validation failed with error: [{why}]"
        ))),
    }
}

/// The names at the top of a YAML mapping in block style; `None` if it is none.
fn names(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for line in text.lines() {
        let inner = line.starts_with([' ', '#', '-']) || line.trim().is_empty();
        if line.starts_with('\t') || (line.starts_with("- ") && names.is_empty()) {
            return None;
        }
        if inner || line == "---" {
            continue;
        }
        let (name, value) = line.split_once(':')?;
        if !value.is_empty() && !value.starts_with(' ') {
            return None;
        }
        let name = name.trim().trim_matches(['"', '\'']);
        if name.is_empty() || names.iter().any(|known| known == name) {
            return None;
        }
        names.push(name.to_owned());
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addons::catalogue;

    #[test]
    fn json_and_yaml_are_objects_of_known_members() {
        let coredns = catalogue::find("coredns").unwrap();
        for good in [
            "",
            "{}",
            r#"{"replicaCount":3,"resources":{"limits":{"cpu":"100m"}}}"#,
            "replicaCount: 3\nresources:\n  limits:\n    cpu: 100m\ntolerations:\n- key: a\n# end\n",
            "---\n\"corefile\": |\n  .:53 {\n  }\n",
        ] {
            check(coredns, good).unwrap();
        }
        for (bad, why) in [
            ("{", "parsing failed"),
            ("[]", "parsing failed"),
            ("- a", "parsing failed"),
            ("text", "parsing failed"),
            ("a:1", "parsing failed"),
            ("a: 1", "$.a: is not defined"),
            (r#"{"a":1}"#, "$.a: is not defined"),
            (
                r#"{"replicaCount":"3"}"#,
                "$.replicaCount: string found, integer expected",
            ),
            ("replicaCount: 1\nreplicaCount: 2", "parsing failed"),
        ] {
            let refused = check(coredns, bad).unwrap_err().to_string();
            assert!(refused.contains(why), "{bad}: {refused}");
        }
    }
}
