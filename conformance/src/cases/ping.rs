use futures::FutureExt as _;

use super::{Case, case};
use crate::{
    client::{Challenge, Stop, Verdict},
    cx::{Cx, uploads_path},
};

pub(super) const CASES: &[Case] = &[
    case("ok", "GET /v2/ answers 200", "end-1", |cx| ok(cx).boxed()),
    case(
        "no-slash",
        "GET /v2 leads to the same place",
        "clients",
        |cx| no_slash(cx).boxed(),
    ),
    case(
        "challenge",
        "A challenge names a scheme and its realm",
        "RFC 9110, 11.6.1",
        |cx| challenge(cx).boxed(),
    ),
    case(
        "login-first",
        "/v2/ demands credentials if pushing does",
        "podman, docker login",
        |cx| login_first(cx).boxed(),
    ),
];

async fn ok(cx: &Cx<'_>) -> Verdict {
    cx.get("/v2/").send().await?.expect(200)?;
    Ok(())
}

async fn no_slash(cx: &Cx<'_>) -> Verdict {
    let answer = cx.get("/v2").send().await?;
    if answer.status == 404 {
        return Err(answer.skip("/v2 without a slash is not served"));
    }
    answer.expect(200)?;
    Ok(())
}

async fn challenge(cx: &Cx<'_>) -> Verdict {
    let answer = cx.get("/v2/").anonymous().send().await?;
    if answer.status == 200 {
        return Err(Stop::skip("the registry demands no credentials"));
    }
    answer.expect(401)?;
    let header = answer.header("www-authenticate").unwrap_or_default();
    let challenges = Challenge::parse_all(header);
    let realm = |c: &Challenge| c.param("realm").is_some_and(|realm| !realm.is_empty());
    cx.ensure(challenges.iter().any(realm), || {
        format!("WWW-Authenticate of a 401 names no realm: {header:?}")
    });
    Ok(())
}

async fn login_first(cx: &Cx<'_>) -> Verdict {
    let push = cx.post(&uploads_path(cx.repo())).anonymous().send().await?;
    if push.status == 202 {
        cx.clean(push.location()?);
        return Err(push.skip("anybody may push"));
    }
    // podman and docker learn from this answer alone whether they must log in.
    push.expect(401)?;
    cx.get("/v2/").anonymous().send().await?.expect(401)?;
    Ok(())
}
