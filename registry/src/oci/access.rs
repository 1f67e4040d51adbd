//! What a request does in the words of policies: one row a route and method.
use http::{HeaderMap, Method, header, request::Parts};
use wharf_types::RepoName;

use super::{Query, Refusal, Route, public};
use crate::{
    Caller, Cx, Error,
    policies::{self, Act, Origin, Target, Wish},
};

/// Demands that the caller may do what the request does; which repository a blob may be mounted
/// from, where one was named. `prefix` is what names of the registry begin with.
pub(super) async fn admit(
    cx: &Cx,
    caller: &Caller,
    parts: &Parts,
    route: &Route,
    query: &Query,
    prefix: &str,
) -> Result<Option<RepoName>, Refusal> {
    let origin = parts.extensions.get::<Origin>().copied();
    let wish = |acts| Wish {
        acts,
        origin,
        ..Wish::default()
    };
    let mut acts = acts(&parts.method, route, query, &parts.headers);
    if cx.create_on_push
        && let (&Method::POST, Route::Uploads(name)) | (&Method::PUT, Route::Manifest(name, _)) =
            (&parts.method, route)
    {
        acts.push(Act::create_if_missing(name));
    }
    // Anyone may pull: who must not read something was refused with its route.
    let registry = &caller.registry;
    let public = registry.region.is_public();
    if public && public::is_read_of_image(&parts.method, route) {
        return Ok(None);
    }
    let acts = acts.into_iter().map(|act| act.of_service(registry));
    policies::require(cx, caller, wish(acts.collect())).await?;
    if query.get("mount").is_none() {
        return Ok(None);
    }
    // A name that is none is the name of no repository, and one of another registry is none here.
    let from = query.get("from").and_then(|from| from.strip_prefix(prefix));
    let Some(from) = from.and_then(|from| from.parse().ok()) else {
        return Ok(None);
    };
    // One that must not be read is not told apart from one that is not there: the blob is uploaded.
    if public {
        return Ok(Some(from));
    }
    let read = wish(vec![Act::on(&from, "ecr:GetDownloadUrlForLayer")]);
    match policies::require(cx, caller, read).await {
        Ok(()) => Ok(Some(from)),
        Err(Error::Denied(_)) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// What ECR calls it. Methods that a route does not have do nothing.
fn acts(method: &Method, route: &Route, query: &Query, headers: &HeaderMap) -> Vec<Act> {
    let get = method == Method::GET;
    let read = get || method == Method::HEAD;
    match route {
        Route::Ping => Vec::new(),
        Route::Catalog => vec![Act::of(Target::Repositories, "ecr:DescribeRepositories")],
        Route::Tags(name) => vec![Act::on(name, "ecr:ListImages")],
        Route::Referrers(name, _) => vec![Act::on(name, "ecr:ListImageReferrers")],
        Route::Manifest(name, _) if read => vec![Act::on(name, "ecr:BatchGetImage")],
        Route::Manifest(name, _) if method == Method::PUT => vec![Act::on(name, "ecr:PutImage")],
        Route::Blob(name, _) if get => vec![Act::on(name, "ecr:GetDownloadUrlForLayer")],
        Route::Blob(name, _) if read => vec![Act::on(name, "ecr:BatchCheckLayerAvailability")],
        Route::Manifest(name, _) | Route::Blob(name, _) => {
            vec![Act::on(name, "ecr:BatchDeleteImage")]
        }
        Route::Uploads(name) => {
            let mut acts = vec![Act::on(name, "ecr:InitiateLayerUpload")];
            if query.get("digest").is_some() {
                acts.push(Act::on(name, "ecr:UploadLayerPart"));
                acts.push(Act::on(name, "ecr:CompleteLayerUpload"));
            }
            acts
        }
        Route::Upload(name, _) if method == Method::PUT => {
            let mut acts = vec![Act::on(name, "ecr:CompleteLayerUpload")];
            let empty = headers
                .get(header::CONTENT_LENGTH)
                .is_some_and(|l| l == "0");
            if !empty {
                acts.push(Act::on(name, "ecr:UploadLayerPart"));
            }
            acts
        }
        Route::Upload(name, _) => vec![Act::on(name, "ecr:UploadLayerPart")],
    }
}
