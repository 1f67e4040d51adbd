//! `/openapi/v2`: the built-in types in one document. kubectl validates with it what cannot be
//! patched, such as reviews, and lists. Made when somebody asks, once for all clusters.
use std::sync::LazyLock;

use bytes::Bytes;
use http::header::VARY;
use wharf_kubernetes_schema::{Schema, openapi};

use super::{Answer, Ask, JSON, accept, blocking, cached, put};
use crate::Status;

const PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
/// As kubectl asks for it; the answer has the newer name.
const OLD_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// What can be asked for, and the document that it is; the first one if anything will do.
static FORMS: [(&str, &str, &LazyLock<Document>); 3] = [
    (JSON, JSON, &IN_JSON),
    (OLD_PROTOBUF, PROTOBUF, &IN_PROTOBUF),
    (PROTOBUF, PROTOBUF, &IN_PROTOBUF),
];

static IN_JSON: LazyLock<Document> =
    LazyLock::new(|| Document::of(openapi::swagger(Schema::builtin()).to_string()));
static IN_PROTOBUF: LazyLock<Document> = LazyLock::new(|| {
    let document = openapi::swagger(Schema::builtin());
    Document::of(openapi::encode_swagger(&document))
});

struct Document {
    bytes: Bytes,
    etag: String,
}

impl Document {
    fn of(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self {
            etag: openapi::hash(&bytes),
            bytes,
        }
    }
}

/// Answers with the form that the client likes best.
pub(super) async fn serve(ask: &Ask<'_>) -> Result<Answer, Status> {
    let clauses = accept::clauses(ask.headers);
    let taken = clauses.iter().find_map(|clause| {
        FORMS.iter().find(|(asked, ..)| {
            let parts = asked.split_once('/');
            parts.is_some_and(|(kind, subtype)| clause.takes(kind, subtype))
        })
    });
    let Some((_, content_type, document)) = taken else {
        let known = FORMS.map(|(asked, ..)| asked).join(", ");
        let only = format!("only the following media types are accepted: {known}");
        return Err(Status::not_acceptable(only));
    };
    let document = blocking(|| LazyLock::force(document)).await?;
    let mut answer = cached(ask, content_type, &document.etag, document.bytes.clone());
    put(answer.headers_mut(), VARY, "Accept");
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
    use serde_json::json;

    use super::super::tests::{ask, body, try_ask};
    use super::*;
    use crate::cluster::testing::TestCluster;

    #[tokio::test]
    async fn the_older_document_is_json_or_protobuf() {
        let test = TestCluster::new().await;
        let path = "/openapi/v2";
        let protobuf = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
        // As kubectl and client-go ask for it.
        let old = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
        for (accept, content_type) in [
            (None, JSON),
            (Some("*/*"), JSON),
            (Some("application/json, */*"), JSON),
            (Some("text/html, application/json"), JSON),
            (Some(protobuf), protobuf),
            (Some(old), protobuf),
        ] {
            let headers: Vec<_> = accept.into_iter().map(|accept| (ACCEPT, accept)).collect();
            let answer = ask(&test.cluster, path, &headers).await;
            assert_eq!(answer.headers()[CONTENT_TYPE], content_type, "{accept:?}");
            assert_eq!(answer.headers()[VARY], "Accept");
            match content_type {
                JSON => assert_eq!(body(&answer)["swagger"], "2.0"),
                _ => assert!(answer.body().starts_with(b"\x0a\x032.0\x12")),
            }
            let etag = answer.headers()[ETAG].to_str().unwrap();
            let again = [headers, vec![(IF_NONE_MATCH, etag)]].concat();
            assert_eq!(ask(&test.cluster, path, &again).await.status(), 304);
        }
        let v3 = "application/com.github.proto-openapi.spec.v3@v1.0+protobuf";
        let refused = try_ask(&test.cluster, path, &[(ACCEPT, v3)]).await;
        assert_eq!(refused.unwrap().unwrap_err().code, 406);
        let roots = body(&ask(&test.cluster, "/", &[]).await);
        assert!(roots["paths"].as_array().unwrap().contains(&json!(path)));
    }
}
