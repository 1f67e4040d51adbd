use bytes::Bytes;
use futures::FutureExt as _;
use wharf_types::RepoName;

use super::{Case, case, pull::unknown_repository};
use crate::{
    client::{Answer, Stop, Verdict},
    cx::{Cx, blob_path, uploads_path},
    data::Blob,
};

pub(super) const CASES: &[Case] = &[
    case(
        "from",
        "A blob is mounted from a repository that has it",
        "end-11",
        |cx| from(cx).boxed(),
    ),
    case(
        "anonymous",
        "A blob is found without naming a repository",
        "end-11",
        |cx| anonymous(cx).boxed(),
    ),
    case(
        "missing-blob",
        "A blob that is nowhere becomes an upload",
        "end-11",
        |cx| missing_blob(cx).boxed(),
    ),
    case(
        "missing-repository",
        "So does one of an unknown repository",
        "end-11, containerd",
        |cx| missing_repository(cx).boxed(),
    ),
    case(
        "encoded",
        "from may be percent-encoded",
        "RFC 3986, containerd, ggcr",
        |cx| encoded(cx).boxed(),
    ),
    case(
        "present",
        "A blob that is there already can be mounted",
        "end-11",
        |cx| present(cx).boxed(),
    ),
    case(
        "independent",
        "A mounted blob outlives its source",
        "end-11, end-10",
        |cx| independent(cx).boxed(),
    ),
    case(
        "bad-digest",
        "An invalid digest is not mounted",
        "end-11",
        |cx| bad_digest(cx).boxed(),
    ),
];

/// A blob in the second repository.
async fn source(cx: &Cx<'_>) -> Result<Blob, Stop> {
    let blob = cx.blob(512);
    cx.push_blob(cx.repo2(), &blob).await?;
    Ok(blob)
}

async fn mount(cx: &Cx<'_>, blob: &Blob, from: &RepoName) -> Result<Answer, Stop> {
    cx.clean(blob_path(cx.repo(), &blob.digest));
    let post = cx.post(&uploads_path(cx.repo()));
    post.query("mount", &blob.digest)
        .query("from", from)
        .send()
        .await
}

/// The blob is there: mounted, or uploaded because the registry did not mount it.
async fn verify(cx: &Cx<'_>, answer: &Answer, blob: &Blob) -> Verdict {
    answer.expect_any(&[201, 202])?;
    if answer.status == 201 {
        cx.verify_pushed(answer, blob).await?;
        return cx.verify_blob(cx.repo(), blob).await;
    }
    upload_instead(cx, answer, blob).await?;
    Err(answer.skip("the blob was not mounted"))
}

async fn upload_instead(cx: &Cx<'_>, answer: &Answer, blob: &Blob) -> Verdict {
    let location = answer.expect(202)?.location()?;
    let closed = cx.close(&location, &blob.digest, &blob.bytes).await?;
    cx.verify_pushed(&closed, blob).await?;
    cx.verify_blob(cx.repo(), blob).await
}

async fn from(cx: &Cx<'_>) -> Verdict {
    let blob = source(cx).await?;
    verify(cx, &mount(cx, &blob, cx.repo2()).await?, &blob).await
}

async fn anonymous(cx: &Cx<'_>) -> Verdict {
    let blob = source(cx).await?;
    cx.clean(blob_path(cx.repo(), &blob.digest));
    let answer = cx
        .post(&uploads_path(cx.repo()))
        .query("mount", &blob.digest)
        .send()
        .await?;
    verify(cx, &answer, &blob).await
}

async fn missing_blob(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(512);
    let answer = mount(cx, &blob, cx.repo2()).await?;
    upload_instead(cx, &answer, &blob).await
}

async fn missing_repository(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(512);
    let answer = mount(cx, &blob, &unknown_repository(cx)?).await?;
    upload_instead(cx, &answer, &blob).await
}

async fn encoded(cx: &Cx<'_>) -> Verdict {
    let name = cx.repo2().as_str();
    let all = name.bytes().map(|byte| format!("%{byte:02X}"));
    let all = all.collect::<Vec<_>>().concat();
    for from in [name, &all] {
        let blob = source(cx).await?;
        cx.clean(blob_path(cx.repo(), &blob.digest));
        let target = format!(
            "{}?from={from}&mount={}",
            uploads_path(cx.repo()),
            blob.digest
        );
        verify(cx, &cx.post(&target).send().await?, &blob).await?;
    }
    Ok(())
}

async fn present(cx: &Cx<'_>) -> Verdict {
    let blob = source(cx).await?;
    cx.push_blob(cx.repo(), &blob).await?;
    verify(cx, &mount(cx, &blob, cx.repo2()).await?, &blob).await?;
    verify(cx, &mount(cx, &blob, cx.repo()).await?, &blob).await
}

async fn independent(cx: &Cx<'_>) -> Verdict {
    let blob = source(cx).await?;
    verify(cx, &mount(cx, &blob, cx.repo2()).await?, &blob).await?;
    cx.gone(&blob_path(cx.repo2(), &blob.digest)).await?;
    cx.verify_blob(cx.repo(), &blob).await
}

async fn bad_digest(cx: &Cx<'_>) -> Verdict {
    let post = cx
        .post(&uploads_path(cx.repo()))
        .query("mount", "sha256:baddigeststring");
    let answer = post.query("from", cx.repo2()).send().await?;
    answer.expect_any(&[400, 202])?;
    if answer.status == 202 {
        // The upload it became must not take that digest either.
        let put = cx
            .put(&answer.location()?)
            .query("digest", "sha256:baddigeststring");
        put.octets(&Bytes::from_static(b"x"))
            .send()
            .await?
            .expect(400)?;
    }
    Ok(())
}
