//! Blobs: GET, HEAD, DELETE; and what blobs and manifests have in common when they are served:
//! conditions and ranges.
use std::time::Duration;

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use wharf_storage::{BlobRow, Segment};
use wharf_types::{ByteRange, Digest, Ranges, RepoName, media};

use super::{
    Asked, Code, Refusal,
    reply::{BlobElsewhere, CONTENT_DIGEST, Deleted, value},
};
use crate::{
    Error, blobs,
    pull_through::{self, Layer},
};

/// How long a client has for following a redirect.
const REDIRECTED: Duration = Duration::from_mins(20);

pub(super) async fn get(
    a: &Asked<'_>,
    name: &RepoName,
    digest: &Digest,
) -> Result<Response, Refusal> {
    let row = match blobs::find(a.cx, a.caller, name, digest).await {
        Ok((_, row)) => row,
        Err(Error::BlobUnknown { .. }) => {
            let found = pull_through::layer(a.cx, &a.caller.registry, name, digest).await?;
            if let Some(layer) = found {
                return coming(a, name, digest, layer).await;
            }
            // Nothing is to be had, or it has just come.
            blobs::find(a.cx, a.caller, name, digest).await?.1
        }
        Err(e) => return Err(e.into()),
    };
    get_row(a, &row).await
}

/// Sends a blob while it comes from an upstream. Whoever asks for a part of it waits for the whole.
async fn coming(
    a: &Asked<'_>,
    name: &RepoName,
    digest: &Digest,
    layer: Layer,
) -> Result<Response, Refusal> {
    let content = Content {
        digest,
        media_type: media::OCTET_STREAM,
        size: layer.size(),
    };
    match content.negotiate(a, true) {
        Served::Now(response) => Ok(harmless(response)),
        Served::Body(head, _) if head.status() == StatusCode::OK => {
            Ok(harmless(head.map(|()| Body::from_stream(layer.stream()))))
        }
        Served::Body(..) => {
            layer.wait().await?;
            let (_, row) = blobs::find(a.cx, a.caller, name, digest).await?;
            get_row(a, &row).await
        }
    }
}

/// Serves a blob that was found, or says where in the bucket it is.
pub(super) async fn get_row(a: &Asked<'_>, row: &BlobRow) -> Result<Response, Refusal> {
    let (head, segments) = match Content::of(row).negotiate(a, true) {
        Served::Now(response) => return Ok(harmless(response)),
        Served::Body(head, segments) => (head, segments),
    };
    let store = &a.cx.store;
    if a.cx.redirect {
        let url = store.presign_blob(row, REDIRECTED).await;
        if let Some(url) = url.map_err(Error::from)? {
            return Ok(BlobElsewhere {
                digest: row.digest.clone(),
                url,
            }
            .into_response());
        }
    }
    let reader = store.read_blob(row, segments).await;
    let reader = reader.map_err(Error::from)?;
    Ok(harmless(head.map(|()| Body::from_stream(reader))))
}

pub(super) async fn head(
    a: &Asked<'_>,
    name: &RepoName,
    digest: &Digest,
) -> Result<Response, Refusal> {
    let mut found = blobs::find(a.cx, a.caller, name, digest).await;
    if matches!(found, Err(Error::BlobUnknown { .. })) {
        // What HEAD says is there, GET has, and a push need not send.
        pull_through::fetch_layer(a.cx, &a.caller.registry, name, digest).await?;
        found = blobs::find(a.cx, a.caller, name, digest).await;
    }
    let (repository, row) = found?;
    let response = head_row(a, &row).await?;
    blobs::keep(a.cx, &repository, &row).await?;
    Ok(response)
}

/// Says of a blob that was found how long it is, if it can be read.
pub(super) async fn head_row(a: &Asked<'_>, row: &BlobRow) -> Result<Response, Refusal> {
    let probed = a.cx.store.probe_blob(row).await;
    probed.map_err(Error::from)?;
    Ok(match Content::of(row).negotiate(a, false) {
        Served::Now(response) => harmless(response),
        Served::Body(head, _) => harmless(head.map(|()| Body::empty())),
    })
}

pub(super) async fn delete(
    a: &Asked<'_>,
    name: &RepoName,
    digest: &Digest,
) -> Result<Deleted, Refusal> {
    blobs::delete(a.cx, a.caller, name, digest).await?;
    Ok(Deleted)
}

/// A pushed page of HTML must not become a page of this origin.
pub(super) fn harmless(mut response: Response) -> Response {
    let policy = HeaderValue::from_static("sandbox; default-src 'none'");
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Content that is served by its digest.
#[derive(Debug)]
pub(super) struct Content<'a> {
    pub(super) digest: &'a Digest,
    pub(super) media_type: &'a str,
    pub(super) size: u64,
}

/// What a request for content comes to.
#[derive(Debug)]
pub(super) enum Served {
    /// An answer without the content.
    Now(Response),
    /// Status and headers, and what follows them.
    Body(http::Response<()>, Vec<Segment>),
}

impl<'a> Content<'a> {
    const fn of(row: &'a BlobRow) -> Self {
        Self {
            digest: &row.digest,
            media_type: media::OCTET_STREAM,
            size: row.size,
        }
    }
    /// Conditions first, then ranges: RFC 9110, 13.2.2. Ranges are for GET only.
    pub(super) fn negotiate(&self, a: &Asked<'_>, get: bool) -> Served {
        let etag = format!("\"{}\"", self.digest);
        let mut headers = HeaderMap::new();
        headers.insert(header::ETAG, value(&etag));
        headers.insert(CONTENT_DIGEST, value(self.digest.as_str()));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if let Some(wanted) = a.header(header::IF_MATCH)
            && !names(wanted, &etag, Comparison::Strong)
        {
            let refusal = Refusal::from(Code::PreconditionFailed);
            return Served::Now(refusal.with(header::ETAG, value(&etag)).into_response());
        }
        if let Some(known) = a.header(header::IF_NONE_MATCH)
            && names(known, &etag, Comparison::Weak)
        {
            return Served::Now((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        headers.insert(header::CONTENT_TYPE, value(self.media_type));
        let unchanged = a.header(header::IF_RANGE).is_none_or(|known| known == etag);
        let ranges = match a.header(header::RANGE) {
            Some(text) if get && unchanged => Ranges::parse(text, self.size),
            _ => Ranges::Whole,
        };
        match ranges {
            Ranges::Whole => self.whole(headers),
            Ranges::One(range) => self.one(headers, range),
            Ranges::Many(ranges) => self.many(headers, &ranges),
            Ranges::Unsatisfiable => {
                headers.remove(header::CONTENT_TYPE);
                headers.insert(
                    header::CONTENT_RANGE,
                    value(format!("bytes */{}", self.size)),
                );
                Served::Now((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response())
            }
        }
    }

    fn whole(&self, mut headers: HeaderMap) -> Served {
        headers.insert(header::CONTENT_LENGTH, self.size.into());
        let segments = match self.size {
            0 => Vec::new(),
            size => vec![Segment::Range(ByteRange {
                first: 0,
                last: size - 1,
            })],
        };
        body(StatusCode::OK, headers, segments)
    }

    fn one(&self, mut headers: HeaderMap, range: ByteRange) -> Served {
        headers.insert(header::CONTENT_LENGTH, range.len().into());
        headers.insert(header::CONTENT_RANGE, value(self.content_range(range)));
        body(
            StatusCode::PARTIAL_CONTENT,
            headers,
            vec![Segment::Range(range)],
        )
    }

    /// `multipart/byteranges`, RFC 9110, 14.6.
    fn many(&self, mut headers: HeaderMap, ranges: &[ByteRange]) -> Served {
        let boundary = uuid::Uuid::new_v4().simple().to_string();
        let mut segments = Vec::with_capacity(2 * ranges.len() + 1);
        let mut length = 0;
        let mut literal = |text: String, segments: &mut Vec<Segment>| {
            length += text.len() as u64;
            segments.push(Segment::Literal(Bytes::from(text)));
        };
        for (i, range) in ranges.iter().enumerate() {
            let start = if i == 0 { "" } else { "\r\n" };
            let heading = format!(
                "{start}--{boundary}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
                self.media_type,
                self.content_range(*range)
            );
            literal(heading, &mut segments);
            segments.push(Segment::Range(*range));
        }
        literal(format!("\r\n--{boundary}--\r\n"), &mut segments);
        length += ranges.iter().map(|r| r.len()).sum::<u64>();
        headers.insert(header::CONTENT_LENGTH, length.into());
        headers.insert(
            header::CONTENT_TYPE,
            value(format!("multipart/byteranges; boundary={boundary}")),
        );
        body(StatusCode::PARTIAL_CONTENT, headers, segments)
    }

    fn content_range(&self, range: ByteRange) -> String {
        format!("bytes {}-{}/{}", range.first, range.last, self.size)
    }
}

fn body(status: StatusCode, headers: HeaderMap, segments: Vec<Segment>) -> Served {
    let mut head = http::Response::new(());
    *head.status_mut() = status;
    *head.headers_mut() = headers;
    Served::Body(head, segments)
}

/// How entity tags are compared: RFC 9110, 8.8.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    /// For `If-Match`: weak tags are equal to none.
    Strong,
    /// For `If-None-Match`.
    Weak,
}

/// Whether a list of entity tags has this one.
fn names(list: &str, etag: &str, comparison: Comparison) -> bool {
    list.split(',').map(str::trim).any(|known| {
        let weak = known.strip_prefix("W/");
        known == "*" || known == etag || comparison == Comparison::Weak && weak == Some(etag)
    })
}
