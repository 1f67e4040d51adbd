//! A21: signatures that are missing, malformed, or in a URL.
use std::time::Duration;

use wharf_testkit::TestServer;

use super::signatures::{KEY, SECRET, refused, signed, strict};

#[tokio::test]
async fn a21_no_signature_half_a_signature_or_two_are_refused_in_both_modes() {
    let (strict, _file) = strict().await;
    let local = TestServer::new().await;
    for s in [&strict, &local] {
        let good = signed(s, KEY, SECRET, s.now(), &[], "DescribeRepositories", "{}");
        good.send(s).await.expect(200);
        let mut none = good.clone();
        none.headers.retain(|(name, _)| name != "authorization");
        refused(
            &none.send(s).await,
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        );
        let mut undated = good.clone();
        undated.headers.retain(|(name, _)| name != "x-amz-date");
        refused(
            &undated.send(s).await,
            "IncompleteSignatureException",
            "'Date'",
        );
        for (from, to) in [
            ("Credential=", "Cred="),
            ("Signature=", "Sig="),
            ("SignedHeaders=", "Headers="),
            ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
            ("/ecr/aws4_request", "/ecr"),
        ] {
            let broken = good
                .clone()
                .replace("authorization", |value| value.replacen(from, to, 1));
            refused(&broken.send(s).await, "IncompleteSignatureException", "");
        }
        let terminator = good.clone().replace("authorization", |v| {
            v.replace("/aws4_request", "/aws5_request")
        });
        refused(
            &terminator.send(s).await,
            "InvalidSignatureException",
            "terminator",
        );
        let both = good
            .send_to(s, "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00")
            .await;
        refused(
            &both,
            "IncompleteSignatureException",
            "Only one auth mechanism",
        );
        let mut twice = good.clone();
        let header = twice
            .headers
            .iter()
            .find(|(name, _)| name == "authorization")
            .unwrap()
            .clone();
        twice.headers.push(header);
        refused(
            &twice.send(s).await,
            "IncompleteSignatureException",
            "must come once",
        );
    }
}

#[tokio::test]
async fn a21_a_forged_presigned_url_is_refused() {
    let (s, _file) = strict().await;
    let query = format!(
        "/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={KEY}/20260101/us-east-1/ecr/aws4_request\
         &X-Amz-Date=20260101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={}",
        "0".repeat(64)
    );
    let ask = async |path: &str| {
        let call = s
            .call("POST", path)
            .anonymous()
            .header("content-type", "application/x-amz-json-1.1");
        call.body("{}").send().await
    };
    refused(
        &ask(&query).await,
        "InvalidSignatureException",
        "does not match",
    );
    refused(
        &ask(&query.replace("Expires=60", "Expires=604801")).await,
        "IncompleteSignatureException",
        "X-Amz-Expires",
    );
    refused(
        &ask(&query.replace("&X-Amz-Expires=60", "")).await,
        "IncompleteSignatureException",
        "X-Amz-Expires",
    );
    s.advance(Duration::from_secs(61));
    refused(
        &ask(&query).await,
        "InvalidSignatureException",
        "Signature expired",
    );
}
