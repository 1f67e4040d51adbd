//! `wharf env`: what points AWS clients here.
use wharf_types::Region;

use super::{OK, say};
use crate::config::Env;

pub(super) fn run(options: &Env) -> anyhow::Result<u8> {
    say(exports(&options.endpoint, &options.region, false))?;
    Ok(OK)
}

/// Lines for a shell. With verified signatures the keys are the user's own.
fn exports(endpoint: &str, region: &Region, strict: bool) -> String {
    let keys = if strict {
        "export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...   # from the credentials file"
    } else {
        "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
    };
    format!(
        "export AWS_ENDPOINT_URL={endpoint}\n{keys}\nexport AWS_REGION={region} AWS_DEFAULT_REGION={region}"
    )
}

/// What a newcomer needs, printed at start.
pub(super) fn newcomer(endpoint: &str, region: &Region, strict: bool) -> String {
    let host = endpoint
        .trim_start_matches("http://")
        .trim_start_matches("https://");
    format!(
        "Point AWS clients here:\n{}\n\nLog docker in:\naws ecr get-login-password | docker login --username AWS --password-stdin {host}\n",
        exports(endpoint, region, strict)
    )
}
