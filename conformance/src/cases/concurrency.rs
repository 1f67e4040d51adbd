use std::sync::atomic::{AtomicBool, Ordering};

use futures::{FutureExt as _, future};
use serde_json::json;
use wharf_types::Algorithm;

use super::{Case, case, shapes::absent};
use crate::{
    client::{Answer, Stop, Verdict},
    cx::{Cx, blob_path, manifest_path, uploads_path},
    data::{ARTIFACT, Blob, Document, Shape, index, with},
    upload::Way,
};

pub(super) const CASES: &[Case] = &[
    case(
        "tag-moves",
        "A tag that moves is always one of its manifests, whole",
        "Pull",
        |cx| tag_moves(cx).boxed(),
    ),
    case(
        "same-blob",
        "Eight uploads of one blob all succeed",
        "Layer De-duplication",
        |cx| same_blob(cx).boxed(),
    ),
    case(
        "same-manifest",
        "Eight tags of one manifest at once",
        "end-7a",
        |cx| same_manifest(cx).boxed(),
    ),
    case(
        "many-tags",
        "Sixteen new tags at once are all listed",
        "end-8a",
        |cx| many_tags(cx).boxed(),
    ),
    case(
        "many-referrers",
        "Eight referrers at once are all listed",
        "end-12a",
        |cx| many_referrers(cx).boxed(),
    ),
    case(
        "two-chunks",
        "Of two first chunks at once only one is taken",
        "end-5",
        |cx| two_chunks(cx).boxed(),
    ),
    case(
        "two-ends",
        "An upload that is ended twice leaves a whole blob",
        "end-6",
        |cx| two_ends(cx).boxed(),
    ),
    case(
        "same-mount",
        "Eight mounts of one blob all succeed",
        "end-11",
        |cx| mounts(cx).boxed(),
    ),
    case(
        "push-and-delete",
        "A push that succeeded after a delete is there",
        "end-7a, end-9",
        |cx| push_and_delete(cx).boxed(),
    ),
    case(
        "read-while-deleted",
        "A blob being deleted is whole or 404",
        "end-2, end-10",
        |cx| read_while_deleted(cx).boxed(),
    ),
];

/// How many clients there are at once.
const CLIENTS: usize = 8;

/// Indexes of different lengths, which need no blobs.
fn versions(cx: &Cx<'_>, count: usize) -> Vec<Document> {
    let version = |i: usize| {
        let annotations = json!({ "org.example.word": cx.tag(), "x": "x".repeat(i * 1000) });
        Document::new(
            Algorithm::Sha256,
            &with(index(&[]), json!({ "annotations": annotations })),
        )
    };
    (0..count).map(version).collect()
}

/// Whether the answer is one whole version, with the headers of that version.
fn is_whole(answer: &Answer, versions: &[Document]) -> Verdict {
    answer.expect(200)?;
    let version = versions.iter().find(|version| version.bytes == answer.body);
    let version = version.ok_or_else(|| answer.fail("the body is none of the versions"))?;
    answer.expect_header("docker-content-digest", version.digest.as_str())?;
    answer.expect_length(version.bytes.len())?;
    Ok(())
}

async fn tag_moves(cx: &Cx<'_>) -> Verdict {
    const MOVES: usize = 24;
    let (versions, tag) = (versions(cx, 4), cx.tag());
    cx.put_document(cx.repo(), &tag, &versions[0])
        .await?
        .expect(201)?;
    let done = AtomicBool::new(false);
    let write = async {
        for version in versions.iter().cycle().take(MOVES) {
            let answer = cx.put_document(cx.repo(), &tag, version).await;
            cx.check(answer.and_then(|answer| answer.expect(201).map(drop)));
        }
        done.store(true, Ordering::Relaxed);
    };
    let read = || async {
        while !done.load(Ordering::Relaxed) {
            let answer = cx.get_manifest(&tag).await;
            cx.check(answer.and_then(|answer| is_whole(&answer, &versions)));
        }
    };
    future::join4(write, read(), read(), read()).await;
    let last = versions.iter().cycle().nth(MOVES - 1);
    cx.verify_document(&tag, last.unwrap_or(&versions[0])).await
}

async fn all<T>(tasks: impl Iterator<Item = impl Future<Output = T> + Send> + Send) -> Vec<T> {
    future::join_all(tasks).await
}

async fn same_blob(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(200_000);
    let ways = [Way::PostPut, Way::Stream]
        .into_iter()
        .cycle()
        .take(CLIENTS);
    let uploads = ways.map(|way| cx.upload(cx.repo(), way, &blob.digest, &blob.bytes));
    for closed in all(uploads).await {
        cx.check(closed.and_then(|closed| closed.answer.expect(201).map(drop)));
    }
    cx.verify_blob(cx.repo(), &blob).await
}

/// Pushes one document to several tags at once.
async fn tag_at_once(cx: &Cx<'_>, document: &Document, tags: &[String]) {
    let puts = tags
        .iter()
        .map(|tag| cx.put_document(cx.repo(), tag, document));
    for answer in all(puts).await {
        cx.check(answer.and_then(|answer| answer.expect(201).map(drop)));
    }
}

async fn same_manifest(cx: &Cx<'_>) -> Verdict {
    let tags: Vec<_> = (0..CLIENTS).map(|_| cx.tag()).collect();
    let document = &versions(cx, 1)[0];
    tag_at_once(cx, document, &tags).await;
    for tag in &tags {
        cx.verify_document(tag, document).await?;
    }
    Ok(())
}

async fn many_tags(cx: &Cx<'_>) -> Verdict {
    let tags: Vec<_> = (0..2 * CLIENTS).map(|_| cx.tag()).collect();
    tag_at_once(cx, &versions(cx, 1)[0], &tags).await;
    let listed = cx.all_tags(cx.repo()).await?;
    for tag in &tags {
        let times = listed.iter().filter(|known| *known == tag).count();
        cx.ensure(times == 1, || format!("tag {tag} is listed {times} times"));
    }
    Ok(())
}

async fn many_referrers(cx: &Cx<'_>) -> Verdict {
    let (mut shape, subject) = (Shape::new(Algorithm::Sha256), absent(cx.random()));
    for _ in 0..CLIENTS {
        shape.referrer(cx.random(), &subject, ARTIFACT);
    }
    for blob in &shape.blobs {
        cx.push_blob(cx.repo(), blob).await?;
    }
    let puts = shape
        .documents
        .iter()
        .map(|d| cx.put_document(cx.repo(), d.digest.as_str(), d));
    for answer in all(puts).await {
        cx.check(answer.and_then(|answer| answer.expect(201).map(drop)));
    }
    let Some(subject) = shape.documents.iter().find_map(|d| d.subject.as_ref()) else {
        return Err(Stop::fail("the case's own referrers have no subject"));
    };
    let listed = cx.all_referrers(subject).await?.len();
    cx.ensure(listed == CLIENTS, || {
        format!("expected {CLIENTS} referrers, got {listed}")
    });
    Ok(())
}

async fn two_chunks(cx: &Cx<'_>) -> Verdict {
    let size = cx.chunk().await?.max(100_000);
    let blobs = [cx.blob(size), cx.blob(size)];
    let location = cx.start(cx.repo()).await?;
    let send = |blob: &Blob| cx.patch(&location).chunk(&blob.bytes, 0..size).send();
    let (first, second) = future::join(send(&blobs[0]), send(&blobs[1])).await;
    let answers = [first?, second?];
    let taken: Vec<_> = (0..2).filter(|i| answers[*i].status == 202).collect();
    let [taken] = *taken else {
        let statuses = answers.map(|answer| answer.status);
        return Err(Stop::fail(format!(
            "of two PATCH 0-{} at one upload, one must be taken: they were answered {statuses:?}",
            size - 1
        )));
    };
    // 409 and 423 are how a registry may say that the upload is in use.
    answers[1 - taken].expect_any(&[416, 409, 423, 400, 404])?;
    let location = cx.status(&answers[taken].location()?, size).await?;
    let blob = &blobs[taken];
    cx.clean(blob_path(cx.repo(), &blob.digest));
    let closed = cx
        .close(&location, &blob.digest, &bytes::Bytes::new())
        .await?;
    cx.verify_pushed(&closed, blob).await
}

async fn two_ends(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(100_000);
    let location = cx.start(cx.repo()).await?;
    cx.clean(blob_path(cx.repo(), &blob.digest));
    let end = || cx.close(&location, &blob.digest, &blob.bytes);
    let (first, second) = future::join(end(), end()).await;
    let statuses = [first?.status, second?.status];
    cx.ensure(statuses.contains(&201), || {
        format!("two PUT were answered {statuses:?}")
    });
    let wrong = statuses
        .iter()
        .find(|s| ![201, 404, 400, 409, 416, 423].contains(*s));
    cx.ensure(wrong.is_none(), || {
        format!("two PUT were answered {statuses:?}")
    });
    cx.verify_blob(cx.repo(), &blob).await
}

async fn mounts(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(512);
    cx.push_blob(cx.repo2(), &blob).await?;
    cx.clean(blob_path(cx.repo(), &blob.digest));
    let path = uploads_path(cx.repo());
    let mount = |_| {
        cx.post(&path)
            .query("mount", &blob.digest)
            .query("from", cx.repo2())
            .send()
    };
    for answer in all((0..CLIENTS).map(mount)).await {
        let answer = answer?;
        if answer.status == 202 {
            return Err(answer.skip("the blob was not mounted"));
        }
        cx.check(answer.expect(201));
    }
    cx.verify_blob(cx.repo(), &blob).await
}

/// Deletes and pushes at once, and then pushes a last time: what was answered 201 is there.
async fn push_and_delete(cx: &Cx<'_>) -> Verdict {
    const ROUNDS: usize = 5;
    let mut shape = Shape::new(Algorithm::Sha256);
    let image = shape.image(cx.random());
    let path = manifest_path(cx.repo(), &image.digest);
    cx.push_shape(cx.repo(), &shape).await?;
    cx.gone(&path).await?;
    for _ in 0..ROUNDS {
        cx.push_shape(cx.repo(), &shape).await?;
        let push = cx.put_document(cx.repo(), image.digest.as_str(), &image);
        let (deleted, pushed) = future::join(cx.delete(&path).send(), push).await;
        cx.check(deleted?.expect_any(&[202, 404]));
        cx.check(pushed?.expect(201));
        cx.push_shape(cx.repo(), &shape).await?;
        cx.verify_document(image.digest.as_str(), &image).await?;
    }
    for blob in &shape.blobs {
        cx.verify_blob(cx.repo(), blob).await?;
    }
    Ok(())
}

async fn read_while_deleted(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(500_000);
    cx.push_blob(cx.repo(), &blob).await?;
    let path = blob_path(cx.repo(), &blob.digest);
    let reads = all((0..CLIENTS).map(|_| cx.get(&path).send()));
    let (answers, deleted) = future::join(reads, cx.delete(&path).send()).await;
    for answer in answers {
        let answer = answer?;
        cx.check(answer.expect_any(&[200, 404]));
        if answer.status == 200 {
            cx.check(answer.expect_body(&blob.bytes));
        }
    }
    let deleted = deleted?;
    if [400, 405].contains(&deleted.status) {
        return Err(deleted.skip("the registry does not delete blobs"));
    }
    deleted.expect(202)?;
    cx.verify_absent(&path).await
}
