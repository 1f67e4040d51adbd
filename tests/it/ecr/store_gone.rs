//! Every operation with a metadata store that is gone: nobody is told anything that is not so.
use serde_json::{Value, json};
use wharf_testkit::{Image, TestServer, eventually};
use wharf_types::Digest;

const REPOSITORY: &str = "arn:aws:ecr:us-east-1:000000000000:repository/app";
const USER: &str = "arn:aws:iam::000000000000:user/ci";
const PROFILE: &str = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/mine";
const LIFECYCLE: &str = r#"{"rules":[{"rulePriority":1,"selection":{"tagStatus":"any",
    "countType":"imageCountMoreThan","countNumber":9},"action":{"type":"expire"}}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",
    "Action":"ecr:BatchGetImage"}]}"#;

/// What operations are asked about: all of it is there.
struct Prepared {
    image: Image,
    other: Image,
    upload: String,
    filled: String,
    backfill: String,
    running: String,
}

fn policy_of_registry() -> String {
    POLICY.replace("\"Action\"", "\"Resource\":\"*\",\"Action\"")
}

/// A name as members of an input.
fn at(name: &str) -> Value {
    json!({ "repositoryName": name })
}

fn with(mut input: Value, members: Value) -> Value {
    if let (Some(input), Value::Object(members)) = (input.as_object_mut(), members) {
        input.extend(members);
    }
    input
}
