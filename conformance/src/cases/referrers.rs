use futures::FutureExt as _;
use serde_json::json;
use wharf_types::{Algorithm, Digest, media};

use super::{Case, case, pull::unknown_repository, shapes::absent};
use crate::{
    client::{Answer, Stop, Verdict},
    cx::{Cx, manifest_path, referrers_path},
    data::{ARTIFACT, Document, OTHER_ARTIFACT, Shape, index, with},
    lists::{Referrer, referrers_of},
};

pub(super) const CASES: &[Case] = &[
    case(
        "empty",
        "What nothing refers to has an empty index",
        "end-12a",
        |cx| empty(cx).boxed(),
    ),
    case(
        "unknown-repository",
        "So has anything in an unknown repository",
        "end-12a",
        |cx| unknown(cx).boxed(),
    ),
    case("bad-digest", "A malformed digest is 400", "end-12a", |cx| {
        bad_digest(cx).boxed()
    }),
    case(
        "list",
        "Images and artifacts are listed with all they say",
        "end-12a",
        |cx| list(cx, Algorithm::Sha256).boxed(),
    ),
    case(
        "index",
        "An index refers too, with or without a type",
        "end-12a",
        |cx| indexes(cx).boxed(),
    ),
    case(
        "once",
        "A referrer pushed again, with tags, is listed once",
        "end-12a",
        |cx| once(cx).boxed(),
    ),
    case(
        "before-subject",
        "A referrer may come before its subject",
        "Push",
        |cx| before_subject(cx).boxed(),
    ),
    case(
        "filter",
        "artifactType filters, and the answer says so",
        "end-12b",
        |cx| filter(cx).boxed(),
    ),
    case(
        "deleted",
        "A deleted referrer is not listed",
        "end-9, end-12a",
        |cx| deleted(cx).boxed(),
    ),
    case(
        "moved-tag",
        "A referrer whose tag moved on stays listed",
        "end-12a",
        |cx| moved_tag(cx).boxed(),
    ),
    case(
        "pages",
        "Link leads through many referrers, each once",
        "end-12a",
        |cx| pages(cx).boxed(),
    ),
    case(
        "large-pages",
        "A list of more than 4 MiB comes in pages",
        "end-12a, oras",
        |cx| large_pages(cx).boxed(),
    ),
];

fn expected(document: &Document) -> Referrer {
    Referrer {
        media_type: document.media_type.clone(),
        digest: document.digest.clone(),
        size: document.bytes.len(),
        artifact_type: document.referrer_type.clone(),
        annotations: document.annotations.clone(),
    }
}

/// Every document of the shape with a subject is listed for it, as it must be.
pub(super) async fn verify(cx: &Cx<'_>, shape: &Shape) -> Verdict {
    for document in &shape.documents {
        let Some(subject) = &document.subject else {
            continue;
        };
        let listed = cx.all_referrers(subject).await?;
        let found: Vec<_> = listed
            .iter()
            .filter(|r| r.digest == document.digest)
            .collect();
        let expected = expected(document);
        cx.ensure(found == [&expected], || {
            format!("among the referrers of {subject} expected {expected:?} once, got {found:?}")
        });
    }
    Ok(())
}

async fn empty(cx: &Cx<'_>) -> Verdict {
    cx.pushed_image().await?;
    let listed = cx.all_referrers(&cx.blob(64).digest).await?;
    cx.ensure(listed.is_empty(), || {
        format!("an unknown digest has the referrers {listed:?}")
    });
    Ok(())
}

async fn unknown(cx: &Cx<'_>) -> Verdict {
    let repo = unknown_repository(cx)?;
    let answer = cx
        .get(&referrers_path(&repo, &cx.blob(64).digest))
        .send()
        .await?;
    if answer.status == 404 && answer.has_code("NAME_UNKNOWN") {
        return Err(answer.skip("only repositories that exist have referrers"));
    }
    let listed = referrers_of(&answer)?;
    cx.ensure(listed.is_empty(), || {
        format!("an unknown repository has {listed:?}")
    });
    Ok(())
}

async fn bad_digest(cx: &Cx<'_>) -> Verdict {
    for text in ["sha256:baddigeststring", "latest", "sha256:"] {
        let path = format!("/v2/{}/referrers/{text}", cx.repo());
        cx.check(cx.get(&path).send().await?.expect(400));
    }
    Ok(())
}

/// Pushes an image and three manifests that refer to it.
pub(super) async fn list(cx: &Cx<'_>, algorithm: Algorithm) -> Verdict {
    let shape = Shape::with_referrers(cx.random(), algorithm);
    for blob in &shape.blobs {
        cx.push_blob(cx.repo(), blob).await?;
    }
    for document in &shape.documents {
        let answer = cx
            .put_document(cx.repo(), document.digest.as_str(), document)
            .await?;
        cx.verify_stored(&answer, document).await?;
    }
    verify(cx, &shape).await
}

async fn indexes(cx: &Cx<'_>) -> Verdict {
    let mut shape = Shape::new(Algorithm::Sha256);
    let subject = shape.image(cx.random()).descriptor();
    let annotations = json!({ "org.example.word": cx.random().word() });
    let plain = with(
        index(&[]),
        json!({ "subject": subject, "annotations": annotations }),
    );
    shape.document(&plain);
    shape.document(&with(plain, json!({ "artifactType": ARTIFACT })));
    cx.push_shape(cx.repo(), &shape).await?;
    verify(cx, &shape).await
}

/// A subject that does not exist, and an artifact that refers to it.
async fn referrer(cx: &Cx<'_>) -> Result<(Digest, Document), Stop> {
    let mut shape = Shape::new(Algorithm::Sha256);
    let document = shape.referrer(cx.random(), &absent(cx.random()), ARTIFACT);
    cx.push_shape(cx.repo(), &shape).await?;
    let subject = document.subject.clone();
    Ok((
        subject.ok_or_else(|| Stop::fail("the case's own referrer has no subject"))?,
        document,
    ))
}

async fn verify_one(cx: &Cx<'_>, subject: &Digest, document: &Document) -> Verdict {
    let listed = cx.all_referrers(subject).await?;
    let expected = [expected(document)];
    cx.ensure(listed == expected, || {
        format!("expected {expected:?}, got {listed:?}")
    });
    Ok(())
}

async fn once(cx: &Cx<'_>) -> Verdict {
    let (subject, document) = referrer(cx).await?;
    for reference in [cx.tag(), cx.tag(), document.digest.to_string()] {
        cx.put_document(cx.repo(), &reference, &document)
            .await?
            .expect(201)?;
    }
    verify_one(cx, &subject, &document).await
}

async fn before_subject(cx: &Cx<'_>) -> Verdict {
    let mut shape = Shape::new(Algorithm::Sha256);
    let subject = shape.image(cx.random());
    let first = shape.referrer(cx.random(), &subject.descriptor(), ARTIFACT);
    for blob in &shape.blobs {
        cx.push_blob(cx.repo(), blob).await?;
    }
    let answer = cx
        .put_document(cx.repo(), first.digest.as_str(), &first)
        .await?;
    cx.verify_stored(&answer, &first).await?;
    verify_one(cx, &subject.digest, &first).await?;
    cx.put_document(cx.repo(), &cx.tag(), &subject)
        .await?
        .expect(201)?;
    verify_one(cx, &subject.digest, &first).await
}

async fn filtered(cx: &Cx<'_>, subject: &Digest, kind: &str) -> Result<Vec<Referrer>, Stop> {
    let get = cx
        .get(&referrers_path(cx.repo(), subject))
        .query("artifactType", kind);
    let answer: Answer = get.send().await?;
    let referrers = referrers_of(&answer)?;
    if !answer.list("oci-filters-applied").contains(&"artifactType") {
        return Err(answer.skip("referrers are not filtered"));
    }
    Ok(referrers)
}

async fn filter(cx: &Cx<'_>) -> Verdict {
    let shape = Shape::with_referrers(cx.random(), Algorithm::Sha256);
    cx.push_shape(cx.repo(), &shape).await?;
    let subject = &shape.documents[0].digest;
    for kind in [
        ARTIFACT,
        OTHER_ARTIFACT,
        media::OCI_CONFIG,
        "application/vnd.example.nothing",
    ] {
        let of_kind =
            |d: &&Document| d.subject.is_some() && d.referrer_type.as_deref() == Some(kind);
        let expected: Vec<_> = shape
            .documents
            .iter()
            .filter(of_kind)
            .map(expected)
            .collect();
        let listed = filtered(cx, subject, kind).await?;
        cx.ensure(listed == expected, || {
            format!("{kind}: expected {expected:?}, got {listed:?}")
        });
    }
    Ok(())
}

async fn deleted(cx: &Cx<'_>) -> Verdict {
    let (subject, document) = referrer(cx).await?;
    verify_one(cx, &subject, &document).await?;
    cx.gone(&manifest_path(cx.repo(), &document.digest)).await?;
    let listed = cx.all_referrers(&subject).await?;
    cx.ensure(listed.is_empty(), || {
        format!("a deleted referrer is listed: {listed:?}")
    });
    Ok(())
}

async fn moved_tag(cx: &Cx<'_>) -> Verdict {
    let ((subject, document), (image, tag)) = (referrer(cx).await?, cx.pushed_image().await?);
    cx.put_document(cx.repo(), &tag, &document)
        .await?
        .expect(201)?;
    cx.put_document(cx.repo(), &tag, &image)
        .await?
        .expect(201)?;
    verify_one(cx, &subject, &document).await
}

/// Indexes, which need no blobs, with an annotation of the given length.
async fn many(cx: &Cx<'_>, count: usize, len: usize) -> Result<(Digest, Vec<Digest>), Stop> {
    let subject = absent(cx.random());
    let mut shape = Shape::new(Algorithm::Sha256);
    for _ in 0..count {
        let word = cx.random().word();
        let annotations = json!({ "org.example.word": word, "org.example.long": "x".repeat(len) });
        let members = json!({ "subject": subject, "annotations": annotations });
        shape.document(&with(index(&[]), members));
    }
    cx.push_shape(cx.repo(), &shape).await?;
    let mut digests: Vec<_> = shape.documents.iter().map(|d| d.digest.clone()).collect();
    digests.sort();
    let subject = shape.documents.first().and_then(|d| d.subject.clone());
    Ok((
        subject.ok_or_else(|| Stop::fail("the case's own index has no subject"))?,
        digests,
    ))
}

fn sorted_digests(listed: Vec<Referrer>) -> Vec<Digest> {
    let mut digests: Vec<_> = listed.into_iter().map(|r| r.digest).collect();
    digests.sort();
    digests
}

async fn pages(cx: &Cx<'_>) -> Verdict {
    let (subject, pushed) = many(cx, 12, 1).await?;
    let mut seen = Vec::new();
    // n is not specified here; a registry that knows it shows whether its pages connect.
    let first = cx
        .get(&referrers_path(cx.repo(), &subject))
        .query("n", 5)
        .send()
        .await?;
    cx.pages(first, |page| {
        seen.extend(referrers_of(page)?);
        Ok(())
    })
    .await?;
    let seen = sorted_digests(seen);
    cx.ensure(seen == pushed, || {
        format!("expected 12 referrers once each, got {seen:?}")
    });
    Ok(())
}

async fn large_pages(cx: &Cx<'_>) -> Verdict {
    const CLIENT_LIMIT: usize = 4 * 1024 * 1024;
    let (subject, pushed) = many(cx, 44, 100_000).await?;
    let (mut seen, mut largest) = (Vec::new(), 0);
    let first = cx.get(&referrers_path(cx.repo(), &subject)).send().await?;
    cx.pages(first, |page| {
        largest = page.body.len().max(largest);
        seen.extend(referrers_of(page)?);
        Ok(())
    })
    .await?;
    let seen = sorted_digests(seen);
    cx.ensure(seen == pushed, || {
        format!("expected 44 referrers once each, got {}", seen.len())
    });
    if largest > CLIENT_LIMIT {
        return Err(Stop::skip(format!(
            "a page has {largest} bytes: clients read 4 MiB"
        )));
    }
    Ok(())
}
