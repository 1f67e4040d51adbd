use http::Request;

use super::*;

fn parts(headers: &[(&str, &str)]) -> Parts {
    request("GET", "/v2/", headers)
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn guard() -> Guard {
    Guard::new(&[
        "Registry.Example".into(),
        "wharf".into(),
        "my_registry".into(),
    ])
}

fn status(parts: &Parts) -> u16 {
    match guard().check(parts) {
        Ok(_) => 200,
        Err(rejection) => rejection.status.as_u16(),
    }
}

fn host(value: &str) -> u16 {
    status(&parts(&[("host", value)]))
}

#[test]
fn u1_hosts_that_are_not_ours_are_421_or_400() {
    for (name, expected) in [
        ("evil.test", 421),
        ("", 400),
        ("localhost.evil.com", 421),
        ("127.0.0.1.nip.io", 421),
        ("0.0.0.0", 421),
        ("0.0.0.0:4566", 421),
        ("[::]", 421),
        ("[::]:4566", 421),
        ("[::ffff:0.0.0.0]", 421),
        ("localhost/", 400),
        ("localhost/?", 400),
        ("localhost?x", 400),
        ("localhost#x", 400),
        ("evil@localhost", 400),
        ("user:pass@localhost", 400),
        ("localhost.", 400),
        ("localhost.:4566", 400),
        ("localhost:", 400),
        ("localhost:x", 400),
        ("localhost:-1", 400),
        ("localhost:+80", 400),
        ("localhost:65536", 400),
        ("localhost:80:80", 400),
        (" localhost", 400),
        ("local host", 400),
        ("localhost,evil.test", 400),
        ("localhost\\evil", 400),
        ("%6cocalhost", 400),
        (".localhost", 400),
        ("a..localhost", 400),
        ("127.1", 400),
        ("127.0.0.01", 400),
        ("0x7f.1", 400),
        ("2130706433", 400),
        ("::1", 400),
        ("[::1", 400),
        ("[::1]x", 400),
        ("[fe80::1%25eth0]", 400),
        ("[127.0.0.1]", 400),
        ("registry.example.evil.test", 421),
        ("xlocalhost", 421),
        ("amazonaws.com", 421),
        ("amazonaws.com.evil.test", 421),
        ("evilamazonaws.com", 421),
        ("ec2-198-51-100-1.compute-1.amazonaws.com", 421),
        ("ec2-198-51-100-1.us-west-2.compute.amazonaws.com", 421),
        ("evil-123.us-east-1.elb.amazonaws.com", 421),
        ("12345.dkr.ecr.us-east-1.evil.test", 421),
    ] {
        assert_eq!(host(name), expected, "{name:?}");
    }
    assert_eq!(status(&parts(&[])), 400, "none");
    let two = parts(&[("host", "localhost"), ("host", "localhost")]);
    assert_eq!(status(&two), 400, "two");
}

#[test]
fn u2_our_hosts_are_served() {
    for name in [
        "localhost",
        "LOCALHOST:4566",
        "127.0.0.1:4566",
        "127.8.9.10",
        "192.168.1.5:4566",
        "[::1]",
        "[::1]:4566",
        "[::ffff:127.0.0.1]",
        "console.localhost:4566",
        "registry.example",
        "REGISTRY.example:443",
        "wharf:4566",
        "my_registry:4566",
        "000000000000.dkr.ecr.us-east-1.amazonaws.com",
        "sts.amazonaws.com",
        "ecr.us-east-1.api.aws",
    ] {
        assert_eq!(host(name), 200, "{name}");
    }
}

#[test]
fn a_host_tells_account_and_region() {
    let registry = |account: &str, region: &str| {
        Some(HostKind::EcrRegistry(wharf_types::Registry {
            account: account.parse().unwrap(),
            region: region.parse().unwrap(),
        }))
    };
    let service = |region: &str| {
        Some(HostKind::Service {
            region: Some(region.parse().unwrap()),
        })
    };
    let here = registry("123456789012", "eu-central-1");
    for (name, expected) in [
        (
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
            here.clone(),
        ),
        (
            "123456789012.DKR.ecr.eu-central-1.amazonaws.com",
            here.clone(),
        ),
        (
            "123456789012.dkr.ecr-fips.eu-central-1.amazonaws.com",
            here.clone(),
        ),
        ("123456789012.dkr.ecr.eu-central-1.localhost", here.clone()),
        (
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com.localhost",
            here.clone(),
        ),
        ("123456789012.dkr-ecr.eu-central-1.on.aws", here),
        (
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            registry("123456789012", "cn-north-1"),
        ),
        (
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn.localhost",
            registry("123456789012", "cn-north-1"),
        ),
        (
            "12345.dkr.ecr.eu-central-1.localhost",
            Some(HostKind::Loopback),
        ),
        (
            "sts.us-gov-west-1.amazonaws.com.localhost",
            service("us-gov-west-1"),
        ),
        ("api.ecr.us-east-1.amazonaws.com", service("us-east-1")),
        ("ecr.us-east-1.api.aws", service("us-east-1")),
        ("sts.us-east-1.amazonaws.com", service("us-east-1")),
        (
            "sts.amazonaws.com",
            Some(HostKind::Service { region: None }),
        ),
        ("public.ecr.aws", Some(HostKind::EcrPublic)),
        ("public.ecr.localhost", Some(HostKind::EcrPublic)),
        ("xpublic.ecr.aws", None),
        ("public.ecr.aws.evil.test", None),
        ("localhost", Some(HostKind::Loopback)),
        ("::1", None),
        ("[::1]", Some(HostKind::Loopback)),
        ("10.0.0.1", Some(HostKind::Ip([10, 0, 0, 1].into()))),
        ("registry.example", Some(HostKind::Public)),
        ("localhost:4566", None),
        ("evil.test", None),
    ] {
        assert_eq!(guard().host_kind(name), expected, "{name}");
    }
}

#[test]
fn u3_other_origins_are_403_for_every_method() {
    let post = [("content-type", "application/x-amz-json-1.1")];
    for origin in [
        "http://evil.test",
        "null",
        "file://",
        "http://localhost:8080",
        "http://localhost",
        "https://localhost:4566",
        "http://127.0.0.1:4566",
        "localhost:4566",
        "http://localhost:4566/",
        "http://x@localhost:4566",
        "",
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let mut headers = vec![("host", "localhost:4566"), ("origin", origin)];
            headers.extend(post);
            assert_eq!(
                status(&request(method, "/", &headers)),
                403,
                "{method} {origin:?}"
            );
        }
    }
    let twice = [
        ("host", "localhost:80"),
        ("origin", "http://localhost"),
        ("origin", "http://localhost"),
    ];
    assert_eq!(status(&parts(&twice)), 403);
}

#[test]
fn a_page_of_ours_may_call_us() {
    let own = [
        ("host", "localhost:4566"),
        ("origin", "http://LOCALHOST:4566"),
    ];
    assert_eq!(status(&parts(&own)), 200);
    let default_port = [("host", "localhost:80"), ("origin", "http://localhost")];
    assert_eq!(status(&parts(&default_port)), 200);

    let mut tls = parts(&[("host", "localhost"), ("origin", "https://localhost:443")]);
    assert_eq!(status(&tls), 403, "the scheme is part of the origin");
    let here = "127.0.0.1:443".parse().unwrap();
    tls.extensions.insert(Connection {
        tls: true,
        local: here,
        peer: here,
    });
    assert_eq!(status(&tls), 200);
}

#[test]
fn options_is_403_without_any_access_control_header() {
    let preflight = request(
        "OPTIONS",
        "/",
        &[
            ("host", "localhost"),
            ("access-control-request-method", "PUT"),
        ],
    );
    let response = guard().check(&preflight).unwrap_err().into_response();
    assert_eq!(response.status(), 403);
    let names: Vec<_> = response
        .headers()
        .keys()
        .map(|n| n.as_str().to_owned())
        .collect();
    assert!(
        names.iter().all(|n| !n.starts_with("access-control")),
        "{names:?}"
    );
}

#[test]
fn u4_other_sites_are_403_unless_the_user_followed_a_link_to_the_console() {
    let navigation = [
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    for (method, path, site, extra, expected) in [
        (
            "GET",
            "/v2/_catalog",
            "cross-site",
            [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
            403,
        ),
        ("GET", "/v2/_catalog", "cross-site", navigation, 403),
        ("GET", "/v2/_catalog", "same-site", navigation, 403),
        ("GET", "/", "cross-site", navigation, 200),
        ("GET", "/", "same-site", navigation, 200),
        ("POST", "/", "cross-site", navigation, 403),
        (
            "GET",
            "/",
            "cross-site",
            [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            403,
        ),
        (
            "GET",
            "/",
            "cross-site",
            [
                ("sec-fetch-mode", "no-cors"),
                ("sec-fetch-dest", "document"),
            ],
            403,
        ),
        (
            "GET",
            "/",
            "nonsense",
            [
                ("sec-fetch-mode", "no-cors"),
                ("sec-fetch-dest", "document"),
            ],
            403,
        ),
        ("GET", "/v2/_catalog", "same-origin", navigation, 200),
        ("GET", "/v2/_catalog", "none", navigation, 200),
    ] {
        let mut headers = vec![("host", "localhost"), ("sec-fetch-site", site)];
        headers.extend(extra);
        assert_eq!(
            status(&request(method, path, &headers)),
            expected,
            "{method} {path} {site}"
        );
    }
}

#[test]
fn u5_what_a_form_can_post_is_415_unless_it_is_signed() {
    let signed = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=a/20261122/us-east-1/sts/aws4_request",
    );
    let basic = ("authorization", "Basic QVdTOng=");
    // A page would have to ask before it sends this.
    let sdk = ("amz-sdk-request", "attempt=1");
    for (path, kind, authorization, expected) in [
        ("/", "text/plain", None, 415),
        ("/", "text/plain;charset=UTF-8", Some(signed), 415),
        ("/", "multipart/form-data; boundary=x", Some(signed), 415),
        ("/", "application/x-www-form-urlencoded", None, 415),
        (
            "/",
            "Application/X-WWW-form-urlencoded; charset=utf-8",
            None,
            415,
        ),
        ("/", "application/x-www-form-urlencoded", Some(basic), 415),
        ("/", "application/x-www-form-urlencoded", Some(signed), 200),
        ("/", "application/x-www-form-urlencoded", Some(sdk), 200),
        ("/", "text/plain", Some(sdk), 415),
        ("/", "application/x-amz-json-1.1", None, 200),
        (
            "/_wharf/reset",
            "application/x-www-form-urlencoded",
            None,
            415,
        ),
        (
            "/v2/app/blobs/uploads/",
            "application/x-www-form-urlencoded",
            Some(basic),
            200,
        ),
        ("/v2/app/blobs/uploads/", "text/plain", None, 200),
        (
            "/v2/app/blobs/uploads/",
            "application/octet-stream",
            None,
            200,
        ),
    ] {
        let mut headers = vec![("host", "localhost"), ("content-type", kind)];
        headers.extend(authorization);
        assert_eq!(
            status(&request("POST", path, &headers)),
            expected,
            "{path} {kind}"
        );
    }
    let bare = request("POST", "/v2/app/blobs/uploads/", &[("host", "localhost")]);
    assert_eq!(
        status(&bare),
        200,
        "docker opens a session without a content type"
    );
    let put = [("host", "localhost"), ("content-type", "text/plain")];
    assert_eq!(
        status(&request("PUT", "/v2/app/blobs/uploads/x", &put)),
        200
    );
}
