mod deciding;

use serde_json::{Value, json};
use wharf_types::Arn;

use super::*;

const OWNER: &str = "000000000000";
const REPOSITORY: &str = "arn:aws:ecr:us-east-1:000000000000:repository/shop/web";

fn principal(account: &str, user: &str) -> Principal {
    let account: AccountId = account.parse().unwrap();
    Principal {
        arn: Arn::user(&account, user),
        account,
        access_key: format!("AKID{user}"),
        session: None,
    }
}

fn policy(document: &Value, kind: Kind) -> Policy {
    Policy::parse(&document.to_string(), kind).unwrap()
}

fn one(statement: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statement })
}

/// What a repository's policy says of a user who puts an image.
fn says(statement: &Value, user: &Principal, context: &Context) -> Verdict {
    let ask = Ask {
        principal: user,
        action: "ecr:PutImage",
        resource: REPOSITORY,
        context,
    };
    policy(&one(statement), Kind::Repository).verdict(&ask)
}

fn allow(principal: &Value) -> Value {
    json!({ "Effect": "Allow", "Principal": principal, "Action": "ecr:*" })
}

#[test]
fn principals_are_meant_by_account_arn_id_or_star() {
    let bob = principal(OWNER, "bob");
    let root = principal(OWNER, "root");
    let stranger = principal("111122223333", "bob");
    let account = Verdict::Allowed(Reach::Account);
    let direct = Verdict::Allowed(Reach::Direct);
    let context = Context::default();
    for (element, of_bob, of_root, of_stranger) in [
        (json!("*"), direct, direct, direct),
        (json!({ "AWS": "*" }), direct, direct, direct),
        (json!({ "AWS": OWNER }), account, direct, Verdict::Silent),
        (
            json!({ "AWS": ["arn:aws:iam::000000000000:root"] }),
            account,
            direct,
            Verdict::Silent,
        ),
        (
            json!({ "AWS": bob.arn.to_string() }),
            direct,
            Verdict::Silent,
            Verdict::Silent,
        ),
        (
            json!({ "AWS": [bob.user_id(), OWNER], "Service": "ecs.amazonaws.com" }),
            direct,
            direct,
            // A user's id follows from its key.
            direct,
        ),
        (
            json!({ "Service": "codebuild.amazonaws.com" }),
            Verdict::Silent,
            Verdict::Silent,
            Verdict::Silent,
        ),
    ] {
        let statement = allow(&element);
        let got = [&bob, &root, &stranger].map(|p| says(&statement, p, &context));
        assert_eq!(got, [of_bob, of_root, of_stranger], "{statement}");
    }
}

#[test]
fn all_but_a_user_has_to_name_its_account_too() {
    let bob = principal(OWNER, "bob");
    let context = Context::default();
    let deny =
        |element: &Value| json!({ "Effect": "Deny", "NotPrincipal": element, "Action": "*" });
    let both = deny(&json!({ "AWS": [bob.arn.to_string(), OWNER] }));
    assert_eq!(says(&both, &bob, &context), Verdict::Silent);
    for other in [principal(OWNER, "eve"), principal("111122223333", "eve")] {
        assert_eq!(says(&both, &other, &context), Verdict::Denied);
    }
    for alone in [
        json!({ "AWS": OWNER }),
        json!({ "AWS": bob.arn.to_string() }),
    ] {
        assert_eq!(says(&deny(&alone), &bob, &context), Verdict::Denied);
    }
}

#[test]
fn actions_and_resources_have_wildcards_and_negations() {
    let bob = principal(OWNER, "bob");
    let context = Context::new(&bob, Timestamp::from_secs(0));
    for (statement, expected) in [
        (json!({ "Action": "ecr:putimage", "Resource": "*" }), true),
        (
            json!({ "Action": ["ecr:Get*", "ECR:Put?mage"], "Resource": REPOSITORY }),
            true,
        ),
        (json!({ "Action": "ecr:Get*", "Resource": "*" }), false),
        (json!({ "NotAction": "ecr:Get*", "Resource": "*" }), true),
        (json!({ "NotAction": "ecr:Put*", "Resource": "*" }), false),
        (json!({ "Action": "s3:*", "Resource": "*" }), false),
        (
            json!({ "Action": "*", "Resource": "arn:aws:ecr:*:*:repository/shop/*" }),
            true,
        ),
        (
            json!({ "Action": "*", "Resource": "arn:aws:ecr:*:*:repository/${aws:username}/*" }),
            false,
        ),
        (
            json!({ "Action": "*", "NotResource": "arn:aws:ecr:*:*:repository/shop/*" }),
            false,
        ),
        (
            json!({ "Action": "*", "NotResource": "arn:aws:ecr:*:*:repository/Shop/*" }),
            true,
        ),
    ] {
        let mut statement = statement;
        statement["Effect"] = json!("Allow");
        let ask = Ask {
            principal: &bob,
            action: "ecr:PutImage",
            resource: REPOSITORY,
            context: &context,
        };
        let got = policy(&one(&statement), Kind::Identity).verdict(&ask);
        assert_eq!(
            got == Verdict::Allowed(Reach::Direct),
            expected,
            "{statement}"
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one row a case")]
fn conditions_compare_as_their_operators_say() {
    let bob = principal(OWNER, "bob");
    let mut context = Context::new(&bob, Timestamp::from_secs(1_767_225_600));
    context.add("aws:SourceIp", "10.1.2.3");
    context.add("aws:SecureTransport", "true");
    context.add("ecr:ResourceTag/Stage", "prod");
    context.add("aws:TagKeys", "stage");
    context.add("aws:TagKeys", "team");
    context.add("s3:max-keys", "10");
    for (operator, key, value, expected) in [
        ("StringEquals", "aws:username", json!("bob"), true),
        ("StringEquals", "AWS:UserName", json!(["eve", "bob"]), true),
        ("StringEquals", "aws:username", json!("Bob"), false),
        ("StringEquals", "aws:username", json!("b*"), false),
        ("StringEquals", "ecr:ResourceTag/stage", json!("prod"), true),
        ("StringEqualsIgnoreCase", "aws:username", json!("BOB"), true),
        (
            "StringEqualsIgnoreCase",
            "aws:username",
            json!("${aws:UserName}"),
            true,
        ),
        (
            "StringNotEquals",
            "aws:username",
            json!(["eve", "bob"]),
            false,
        ),
        ("StringNotEquals", "aws:absent", json!("x"), true),
        ("StringEquals", "aws:absent", json!("x"), false),
        ("StringEqualsIfExists", "aws:absent", json!("x"), true),
        ("StringEqualsIfExists", "aws:username", json!("x"), false),
        ("StringLike", "aws:username", json!("b?b*"), true),
        ("StringNotLike", "aws:username", json!("b*"), false),
        (
            "ArnEquals",
            "aws:PrincipalArn",
            json!("arn:aws:iam::*:user/bob"),
            true,
        ),
        (
            "ArnLike",
            "aws:PrincipalArn",
            json!("arn:aws:iam::000000000000:*"),
            true,
        ),
        // A star in one part of an ARN does not go on into the next one.
        (
            "ArnLike",
            "aws:PrincipalArn",
            json!("arn:*:user:*:*:*"),
            false,
        ),
        (
            "ArnNotLike",
            "aws:PrincipalArn",
            json!("arn:aws:iam::*:user/eve"),
            true,
        ),
        ("Bool", "aws:SecureTransport", json!(true), true),
        ("Bool", "aws:SecureTransport", json!("false"), false),
        ("IpAddress", "aws:SourceIp", json!("10.0.0.0/8"), true),
        (
            "IpAddress",
            "aws:SourceIp",
            json!(["10.2.0.0/16", "::/0"]),
            false,
        ),
        ("IpAddress", "aws:SourceIp", json!("0.0.0.0/0"), true),
        ("NotIpAddress", "aws:SourceIp", json!("10.1.2.3"), false),
        ("NumericEquals", "s3:max-keys", json!(10), true),
        ("NumericLessThan", "s3:max-keys", json!("10"), false),
        ("NumericLessThanEquals", "s3:max-keys", json!("10.0"), true),
        ("NumericGreaterThan", "s3:max-keys", json!(9.5), true),
        ("NumericNotEquals", "s3:max-keys", json!(10), false),
        (
            "DateGreaterThan",
            "aws:CurrentTime",
            json!("2025-12-31T23:59:59Z"),
            true,
        ),
        (
            "DateLessThan",
            "aws:CurrentTime",
            json!("2026-01-01T00:00:00Z"),
            false,
        ),
        (
            "DateLessThanEquals",
            "aws:CurrentTime",
            json!("2026-01-01"),
            true,
        ),
        ("DateEquals", "aws:EpochTime", json!(1_767_225_600), true),
        ("Null", "aws:absent", json!("true"), true),
        ("Null", "aws:username", json!(true), false),
        ("Null", "aws:username", json!("false"), true),
        (
            "ForAnyValue:StringEquals",
            "aws:TagKeys",
            json!("team"),
            true,
        ),
        (
            "ForAnyValue:StringEquals",
            "aws:TagKeys",
            json!("other"),
            false,
        ),
        ("ForAnyValue:StringEquals", "aws:absent", json!("x"), false),
        (
            "ForAllValues:StringEquals",
            "aws:TagKeys",
            json!("team"),
            false,
        ),
        (
            "ForAllValues:StringLike",
            "aws:TagKeys",
            json!(["t*", "s*"]),
            true,
        ),
        ("ForAllValues:StringEquals", "aws:absent", json!("x"), true),
        (
            "ForAllValues:StringNotEquals",
            "aws:TagKeys",
            json!("team"),
            false,
        ),
    ] {
        let mut statement = allow(&json!("*"));
        statement["Condition"] = json!({ operator: { key: value } });
        let got = says(&statement, &bob, &context);
        assert_eq!(got != Verdict::Silent, expected, "{statement}");
    }
}

#[test]
fn every_condition_has_to_hold() {
    let bob = principal(OWNER, "bob");
    let context = Context::new(&bob, Timestamp::from_secs(0));
    let mut statement = allow(&json!("*"));
    statement["Condition"] = json!({
        "StringEquals": { "aws:username": "bob", "aws:PrincipalAccount": OWNER },
        "Null": { "aws:SourceIp": "false" },
    });
    assert_eq!(says(&statement, &bob, &context), Verdict::Silent);
}

#[test]
fn what_iam_or_ecr_refuses_is_malformed() {
    let with = |name: &str, value: Value| {
        let mut statement = allow(&json!("*"));
        statement[name] = value;
        one(&statement).to_string()
    };
    let good = with("Sid", json!("new statement"));
    Policy::parse(&good, Kind::Repository).unwrap();
    let texts = [
        String::new(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        r#"{"Statement":[]}"#.into(),
        json!({ "Version": "2020-01-01", "Statement": allow(&json!("*")) }).to_string(),
        json!({ "Statement": allow(&json!("*")), "Extra": 1 }).to_string(),
        json!(["2012-10-17", "id", allow(&json!("*"))]).to_string(),
        one(&json!(["sid", "Allow", "*", null, "ecr:*", null, null, null, {}])).to_string(),
        one(&json!({ "Effect": "Allow", "Action": "ecr:*" })).to_string(),
        one(&json!({ "Effect": "Allow", "Principal": "*" })).to_string(),
        with("Effect", json!("allow")),
        with("NotPrincipal", json!("*")),
        one(&json!({ "Effect": "Allow", "NotPrincipal": { "AWS": OWNER }, "Action": "ecr:*" }))
            .to_string(),
        with("NotAction", json!("ecr:*")),
        with("Resource", json!("*")),
        with("Extra", json!(1)),
        with("Action", json!([])),
        with("Action", json!("PutImage")),
        with("Action", json!("s3:GetObject")),
        with("Action", json!("ecr:GetAuthorizationToken")),
        with("Principal", json!("bob")),
        with("Principal", json!({})),
        with("Principal", json!({ "AWS": [] })),
        with("Principal", json!({ "AWS": "123" })),
        with("Principal", json!({ "AWS": "arn:aws:iam::000000000000:user/*" })),
        with("Principal", json!({ "AWS": "arn:aws:s3::000000000000:user/bob" })),
        with("Principal", json!({ "Robot": "x" })),
        with("Principal", json!([["*"]])),
        with("Condition", json!({ "StringSimilar": { "aws:username": "x" } })),
        with("Condition", json!({ "StringEquals": { "aws:username": [] } })),
        with("Condition", json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/33" } })),
        with("Condition", json!({ "DateLessThan": { "aws:CurrentTime": "soon" } })),
        with("Condition", json!({ "NumericEquals": { "x": "NaN" } })),
        with("Condition", json!({ "Bool": { "aws:SecureTransport": "yes" } })),
        good.replace("\"Effect\"", "\"Effect\":\"Deny\",\"Effect\""),
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"ecr:*","Condition":{"Bool":{"a:b":"true","a:b":"false"}}}}"#.into(),
        with("Sid", json!("x".repeat(MAX_CHARS))),
    ];
    for text in texts {
        assert!(Policy::parse(&text, Kind::Repository).is_err(), "{text}");
    }
    // A registry's statement has a resource, a user's has no principal.
    assert!(Policy::parse(&good, Kind::Registry).is_err());
    Policy::parse(&with("Resource", json!("*")), Kind::Registry).unwrap();
    assert!(Policy::parse(&with("Resource", json!("shop")), Kind::Registry).is_err());
    assert!(Policy::parse(&with("Resource", json!("*")), Kind::Identity).is_err());
}

#[test]
fn a_public_repositorys_policy_has_the_actions_of_its_service() {
    let statement = |action: &str| {
        let statement = json!({ "Effect": "Allow", "Principal": "*", "Action": action });
        one(&statement).to_string()
    };
    for (action, public, private) in [
        ("*", true, true),
        ("ecr-public:PutImage", true, false),
        ("ECR-Public:*Layer*", true, false),
        ("ecr:PutImage", false, true),
        ("ecr-public:GetAuthorizationToken", false, false),
        ("ecr-public:", false, false),
        ("ecr-publicly:PutImage", false, false),
        ("sts:GetServiceBearerToken", false, false),
    ] {
        let reads = |kind| Policy::parse(&statement(action), kind).is_ok();
        assert_eq!(reads(Kind::PublicRepository), public, "{action}");
        assert_eq!(reads(Kind::Repository), private, "{action}");
    }
    let with = json!({ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" });
    assert!(Policy::parse(&one(&with).to_string(), Kind::PublicRepository).is_err());
}
