//! The file that stands in for Secrets Manager: TOML or JSON, a table for each secret.
use std::{collections::BTreeMap, os::unix::fs::PermissionsExt as _, path::Path};

use serde::Deserialize;
use wharf_registry::pull_through::{Credentials, Secrets};

/// The value of a secret as ECR demands it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Value {
    username: String,
    access_token: String,
}

/// A secret, whatever is in it: what is not as ECR demands it is so when it is used.
#[derive(Deserialize)]
#[serde(untagged)]
enum Secret {
    Whole(Value),
    Other(serde::de::IgnoredAny),
}

/// Reads the file. What is wrong with it is told without its content.
pub(crate) fn load(path: &Path) -> Result<Secrets, String> {
    let failed = |problem: &str| format!("{}: {problem}", path.display());
    let metadata = std::fs::metadata(path).map_err(|e| failed(&e.to_string()))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(failed("can be read by others: chmod 600 it"));
    }
    let text = std::fs::read_to_string(path).map_err(|e| failed(&e.to_string()))?;
    let secrets = parse(&text).map_err(|problem| failed(&problem))?;
    Ok(Secrets::new(secrets))
}

fn parse(text: &str) -> Result<BTreeMap<String, Option<Credentials>>, String> {
    // The whole text of an error would repeat the line, which may hold a secret.
    let secrets: BTreeMap<String, Secret> = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|e| format!("line {} is not JSON", e.line()))?
    } else {
        toml::from_str(text).map_err(|e| {
            let before = e.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            format!("line {line} is not TOML")
        })?
    };
    let credentials = |secret| match secret {
        Secret::Whole(value) => Some(Credentials {
            username: value.username,
            password: value.access_token,
        }),
        Secret::Other(_) => None,
    };
    Ok(secrets
        .into_iter()
        .map(|(name, secret)| (name, credentials(secret)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_tables_of_toml_or_json() {
        let toml = "[\"ecr-pullthroughcache/a\"]\nusername = 'me'\naccessToken = 's3cret'\n\n\
                    [\"ecr-pullthroughcache/b\"]\nusername = 'me'\n";
        let json = r#"{"ecr-pullthroughcache/a": {"username": "me", "accessToken": "s3cret"},
                       "ecr-pullthroughcache/b": "text"}"#;
        for text in [toml, json] {
            let parsed = parse(text).unwrap();
            let whole = parsed["ecr-pullthroughcache/a"].as_ref().unwrap();
            assert_eq!(
                (whole.username.as_str(), whole.password.as_str()),
                ("me", "s3cret")
            );
            assert!(parsed["ecr-pullthroughcache/b"].is_none());
        }
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn errors_do_not_show_secrets() {
        for text in [
            "[a]\nusername = s3cret",
            "{\"a\": {\"accessToken\": s3cret}}",
        ] {
            let problem = parse(text).unwrap_err();
            assert!(
                problem.starts_with("line ") && !problem.contains("s3cret"),
                "{problem}"
            );
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secrets.toml");
        assert!(load(&path).is_err());
        std::fs::write(&path, "").unwrap();
        for (mode, good) in [(0o644, false), (0o640, false), (0o600, true), (0o400, true)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(load(&path).is_ok(), good, "{mode:o}");
        }
    }
}
