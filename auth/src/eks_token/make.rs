//! Making tokens, for our own commands.
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, Request, Uri};
use wharf_types::Timestamp;

use super::{CLUSTER_HEADER, PREFIX};
use crate::{Error, Signer};

/// What `aws eks get-token` asks for; a token is good for longer, whatever it says.
const EXPIRES: Duration = Duration::from_mins(1);

/// Makes a token for a cluster, as `aws eks get-token` does. `sts` is the URL of the service, without
/// a slash at the end; the service that the signer names does not matter.
pub fn make(
    signer: &Signer<'_>,
    sts: &str,
    cluster: &str,
    now: Timestamp,
) -> Result<String, Error> {
    let (mut parts, ()) = Request::new(()).into_parts();
    let uri: Option<Uri> = format!("{sts}/?Action=GetCallerIdentity&Version=2011-06-15")
        .parse()
        .ok();
    parts.uri = uri.ok_or(Error::Unsignable)?;
    let cluster = HeaderValue::from_str(cluster).ok();
    let cluster = cluster.ok_or(Error::Unsignable)?;
    parts.headers.insert(CLUSTER_HEADER, cluster);
    let signer = Signer {
        service: "sts",
        ..signer.clone()
    };
    signer.presign(&mut parts, EXPIRES, now)?;
    let encoded = URL_SAFE_NO_PAD.encode(parts.uri.to_string());
    Ok(format!("{PREFIX}{encoded}"))
}
