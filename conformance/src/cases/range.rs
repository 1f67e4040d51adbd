use futures::FutureExt as _;
use wharf_types::ByteRange;

use super::{Case, case};
use crate::{
    client::{Answer, Stop, Verdict},
    cx::{Cx, blob_path, manifest_path},
    data::Blob,
    manifests::ACCEPT,
    multipart,
};

pub(super) const CASES: &[Case] = &[
    case("middle", "bytes=500-1499", "RFC 9110, 14.2", |cx| {
        part(cx, "500-1499", 500, 1499).boxed()
    }),
    case("first-byte", "bytes=0-0", "RFC 9110, 14.2", |cx| {
        part(cx, "0-0", 0, 0).boxed()
    }),
    case("open", "bytes=500-", "RFC 9110, 14.2", |cx| {
        part(cx, "500-", 500, LAST).boxed()
    }),
    case("suffix", "bytes=-500", "RFC 9110, 14.2", |cx| {
        part(cx, "-500", SIZE - 500, LAST).boxed()
    }),
    case(
        "over-long",
        "bytes=2000-5000 of 2048",
        "RFC 9110, 14.2",
        |cx| part(cx, "2000-5000", 2000, LAST).boxed(),
    ),
    case(
        "suffix-over-long",
        "bytes=-5000 of 2048",
        "RFC 9110, 14.2",
        |cx| part(cx, "-5000", 0, LAST).boxed(),
    ),
    case(
        "beyond",
        "bytes=5000-10000 of 2048 is 416",
        "RFC 9110, 15.5.17",
        |cx| unsatisfiable(cx, "5000-10000").boxed(),
    ),
    case(
        "reversed",
        "bytes=500-0 is 416 or ignored",
        "conformance suite",
        |cx| unsatisfiable(cx, "500-0").boxed(),
    ),
    case(
        "resume",
        "The parts of a blob make up the blob",
        "Resumable Pull",
        |cx| resume(cx).boxed(),
    ),
    case(
        "multiple",
        "Two ranges in one request",
        "RFC 9110, 14.6, zstd:chunked",
        |cx| multiple(cx).boxed(),
    ),
    case(
        "multiple-beyond",
        "Several ranges that all lie beyond are 416",
        "RFC 9110, 14.2",
        |cx| unsatisfiable(cx, "5000-6000,7000-").boxed(),
    ),
    case(
        "other-unit",
        "An unknown unit is ignored",
        "RFC 9110, 14.2",
        |cx| ignored(cx, "items=0-5").boxed(),
    ),
    case(
        "malformed",
        "A malformed range does no harm",
        "RFC 9110, 14.2",
        |cx| malformed(cx).boxed(),
    ),
    case(
        "empty-blob",
        "A range of an empty blob does no harm",
        "RFC 9110, 14.1.2",
        |cx| empty_blob(cx).boxed(),
    ),
    case(
        "if-range",
        "If-Range with another ETag gets everything",
        "RFC 9110, 13.1.5",
        |cx| if_range(cx).boxed(),
    ),
    case(
        "manifest",
        "bytes=0- of a manifest is all of it",
        "containerd",
        |cx| manifest(cx).boxed(),
    ),
];

const SIZE: usize = 2048;
const LAST: usize = SIZE - 1;

async fn pushed(cx: &Cx<'_>) -> Result<Blob, Stop> {
    let blob = cx.blob(SIZE);
    cx.push_blob(cx.repo(), &blob).await?;
    Ok(blob)
}

async fn get(cx: &Cx<'_>, blob: &Blob, range: &str) -> Result<Answer, Stop> {
    cx.get(&blob_path(cx.repo(), &blob.digest))
        .header("range", range)
        .send()
        .await
}

/// 200 with everything is what a registry answers that knows no ranges.
fn ignored_range(answer: &Answer, blob: &Blob) -> Stop {
    match answer.expect_body(&blob.bytes) {
        Ok(_) => answer.skip("the range is ignored"),
        Err(stop) => stop,
    }
}

async fn part(cx: &Cx<'_>, spec: &str, first: usize, last: usize) -> Verdict {
    let blob = pushed(cx).await?;
    let answer = get(cx, &blob, &format!("bytes={spec}")).await?;
    if answer.status == 200 {
        return Err(ignored_range(&answer, &blob));
    }
    expect_part(&answer, &blob, first, last)
}

fn expect_part(answer: &Answer, blob: &Blob, first: usize, last: usize) -> Verdict {
    let bytes = blob.bytes.get(first..=last).unwrap_or_default();
    answer
        .expect(206)?
        .expect_length(bytes.len())?
        .expect_body(bytes)?;
    let known = format!("bytes {first}-{last}/{}", blob.bytes.len());
    if answer.header("content-range") == Some(&format!("bytes {first}-{last}/*")) {
        return Ok(());
    }
    answer.expect_header("content-range", &known)?;
    Ok(())
}

async fn unsatisfiable(cx: &Cx<'_>, spec: &str) -> Verdict {
    let blob = pushed(cx).await?;
    let answer = get(cx, &blob, &format!("bytes={spec}")).await?;
    if answer.status == 200 {
        return Err(ignored_range(&answer, &blob));
    }
    answer.expect(416)?;
    Ok(())
}

async fn resume(cx: &Cx<'_>) -> Verdict {
    let blob = pushed(cx).await?;
    let mut got = Vec::new();
    while got.len() < SIZE {
        let first = got.len() as u64;
        let range = ByteRange {
            first,
            last: first + 699,
        };
        let answer = cx
            .get(&blob_path(cx.repo(), &blob.digest))
            .range(range)
            .send()
            .await?;
        if answer.status == 200 {
            return Err(ignored_range(&answer, &blob));
        }
        answer.expect(206)?;
        if answer.body.is_empty() {
            return Err(answer.fail("a part that lies within the blob is empty"));
        }
        got.extend_from_slice(&answer.body);
    }
    cx.ensure(got == blob.bytes, || {
        "the parts do not make up the blob".to_owned()
    });
    Ok(())
}

async fn multiple(cx: &Cx<'_>) -> Verdict {
    let blob = pushed(cx).await?;
    let answer = get(cx, &blob, "bytes=10-19,1000-1099").await?;
    if answer.status == 200 {
        return Err(ignored_range(&answer, &blob));
    }
    answer.expect(206)?.expect_length(answer.body.len())?;
    let media_type = answer.header("content-type").unwrap_or_default();
    let parts = multipart::parts(media_type, &answer.body).map_err(|e| answer.fail(e))?;
    let expected = [(10, 19), (1000, 1099)].map(|(first, last)| {
        let bytes = blob.bytes.get(first..=last).unwrap_or_default();
        (format!("bytes {first}-{last}/{SIZE}"), bytes)
    });
    let got: Vec<_> = parts
        .iter()
        .map(|part| (part.content_range.clone(), part.body))
        .collect();
    let ranges: Vec<_> = parts.iter().map(|part| &part.content_range).collect();
    cx.ensure(got == expected, || {
        format!("the parts or their bytes differ: {ranges:?}")
    });
    Ok(())
}

async fn ignored(cx: &Cx<'_>, range: &str) -> Verdict {
    let blob = pushed(cx).await?;
    get(cx, &blob, range)
        .await?
        .expect(200)?
        .expect_body(&blob.bytes)?;
    Ok(())
}

async fn malformed(cx: &Cx<'_>) -> Verdict {
    let blob = pushed(cx).await?;
    for range in ["bytes=", "bytes=a-b", "bytes=1-2-3", "bytes", "bytes=--1"] {
        let answer = get(cx, &blob, range).await?;
        cx.check(answer.expect_any(&[200, 400, 416]));
        if answer.status == 200 {
            cx.check(answer.expect_body(&blob.bytes));
        }
    }
    Ok(())
}

async fn empty_blob(cx: &Cx<'_>) -> Verdict {
    let blob = cx.blob(0);
    cx.push_blob(cx.repo(), &blob).await?;
    for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
        cx.check(get(cx, &blob, range).await?.expect_any(&[200, 416]));
    }
    Ok(())
}

async fn if_range(cx: &Cx<'_>) -> Verdict {
    let blob = pushed(cx).await?;
    let path = blob_path(cx.repo(), &blob.digest);
    let whole = cx.get(&path).send().await?;
    let etag = whole
        .expect(200)?
        .header("etag")
        .filter(|etag| !etag.starts_with("W/"));
    let etag = etag.ok_or_else(|| whole.skip("blobs have no strong ETag"))?;
    let same = cx
        .get(&path)
        .header("range", "bytes=0-9")
        .header("if-range", etag)
        .send()
        .await?;
    if same.status == 200 {
        return Err(ignored_range(&same, &blob));
    }
    expect_part(&same, &blob, 0, 9)?;
    let other = cx
        .get(&path)
        .header("range", "bytes=0-9")
        .header("if-range", "\"other\"");
    other.send().await?.expect(200)?.expect_body(&blob.bytes)?;
    Ok(())
}

async fn manifest(cx: &Cx<'_>) -> Verdict {
    let (image, _) = cx.pushed_image().await?;
    let path = manifest_path(cx.repo(), &image.digest);
    let get = cx
        .get(&path)
        .header("accept", ACCEPT)
        .header("range", "bytes=0-");
    let answer = get.send().await?;
    answer.expect_any(&[200, 206])?.expect_body(&image.bytes)?;
    answer.expect_type(&image.media_type)?;
    Ok(())
}
