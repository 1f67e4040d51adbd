//! Links to layers, which need no login: what `GetDownloadUrlForLayer` hands out.
use axum::response::{IntoResponse as _, Response};
use http::{Method, request::Parts};
use wharf_auth::Principal;
use wharf_types::{Arn, Digest, RepoName};

use super::{Asked, Code, Query, Refusal, Route, blobs};
use crate::{
    Caller, Cx,
    layers::{Link, LinkError},
};

/// Answers a request whose URL is a link. `None` if it is not.
pub(super) async fn serve(cx: &Cx, parts: &Parts) -> Option<Response> {
    if !parts.uri.query()?.contains("signature=") {
        return None;
    }
    let Ok(Route::Blob(name, digest)) = Route::parse(parts.uri.path()) else {
        return None;
    };
    let query = Query::parse(parts.uri.query()).ok()?;
    let link = Link {
        signature: query.get("signature")?.to_owned(),
        // Without them the signature is that of nothing.
        repository: number(&query, "repository"),
        expires: number(&query, "expires"),
    };
    let answer = answer(cx, parts, &query, &link, &name, &digest).await;
    Some(answer.unwrap_or_else(|refusal| refusal.into_response()))
}

fn number(query: &Query, name: &str) -> i64 {
    let text = query.get(name).unwrap_or_default();
    text.parse().unwrap_or_default()
}

async fn answer(
    cx: &Cx,
    parts: &Parts,
    query: &Query,
    link: &Link,
    name: &RepoName,
    digest: &Digest,
) -> Result<Response, Refusal> {
    let denied = |text| Refusal::new(Code::Denied, text);
    link.verify(cx, name, digest).map_err(|e| match e {
        LinkError::Invalid => denied("the link is not valid"),
        LinkError::Expired => denied("the link has expired"),
    })?;
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(denied("the link is for downloading"));
    }
    let (repository, row) = link.layer(cx, name, digest).await?;
    let account = repository.registry.account.clone();
    let caller = Caller {
        principal: Principal {
            arn: Arn::user(&account, "root"),
            account,
            access_key: String::new(),
            session: None,
        },
        registry: repository.registry,
    };
    let asked = Asked {
        origin: None,
        cx,
        caller: &caller,
        headers: &parts.headers,
        query,
        mount_from: None,
        prefix: "",
    };
    if parts.method == Method::HEAD {
        return blobs::head_row(&asked, &row).await;
    }
    blobs::get_row(&asked, &row).await
}
