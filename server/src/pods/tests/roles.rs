//! Sessions of roles: whom STS gives them, and what they may do.
use super::*;

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one row a refusal")]
async fn sts_takes_tokens_of_the_clusters_of_the_account_of_the_role() {
    const ROLE: &str = "arn:aws:iam::000000000000:role/web";
    let stage = Stage::new(|_, _| {}).await;
    let good = stage.claims(STS, "web-0", "gone", "other");
    let fine = stage.token(&good);
    let (status, answer) = stage.assume(&fine, ROLE, "&DurationSeconds=900").await;
    assert_eq!(status, 200, "{answer}");
    let subject = within(&answer, "SubjectFromWebIdentityToken");
    assert_eq!(subject, "system:serviceaccount:default:other");
    assert_eq!(within(&answer, "Expiration"), "2027-01-15T08:15:00Z");
    assert!(within(&answer, "Provider").starts_with("arn:aws:iam::000000000000:oidc-provider/127"));
    let given = Given::of_sts(&answer);
    let (_, answer) = stage.form("any", &given, WHO).await;
    let arn = "arn:aws:sts::000000000000:assumed-role/web/me";
    assert_eq!(within(&answer, "Arn"), arn);

    let with = |change: &dyn Fn(&mut Claims)| {
        let mut claims = good.clone();
        change(&mut claims);
        stage.token(&claims)
    };
    let foreign = mint(&Key::generate().unwrap(), &good).unwrap();
    let other_account = "arn:aws:iam::111122223333:role/web";
    for (token, role, rest, code, text) in [
        (
            "x.y.z".to_owned(),
            ROLE,
            "",
            "InvalidIdentityToken",
            "not a valid JWT",
        ),
        (
            fine.clone(),
            other_account,
            "",
            "InvalidIdentityToken",
            "No OpenIDConnect provider",
        ),
        (
            with(&|c| c.iss = "https://a.b".to_owned()),
            ROLE,
            "",
            "InvalidIdentityToken",
            "https://a.b",
        ),
        (
            with(&|c| c.aud = Audiences(vec![AGENT.to_owned()])),
            ROLE,
            "",
            "InvalidIdentityToken",
            "audience",
        ),
        (
            with(&|c| c.exp = Some(NOW - 61)),
            ROLE,
            "",
            "ExpiredTokenException",
            "1799999939",
        ),
        (
            foreign.expose().to_owned(),
            ROLE,
            "",
            "InvalidIdentityToken",
            "verification key",
        ),
        (
            fine.clone(),
            "arn:aws:iam::000000000000:user/x",
            "",
            "ValidationError",
            "user/x",
        ),
        (
            fine.clone(),
            ROLE,
            "&DurationSeconds=899",
            "ValidationError",
            "900",
        ),
        (
            fine.clone(),
            ROLE,
            "&DurationSeconds=43201",
            "ValidationError",
            "43200",
        ),
        (
            fine.clone(),
            ROLE,
            "&Policy=no",
            "MalformedPolicyDocument",
            "not well-formed",
        ),
        (
            String::new(),
            ROLE,
            "",
            "ValidationError",
            "webIdentityToken",
        ),
    ] {
        let (status, answer) = stage.assume(&token, role, rest).await;
        assert_eq!(
            (status, within(&answer, "Code").as_str()),
            (400, code),
            "{answer}"
        );
        assert!(within(&answer, "Message").contains(text), "{answer}");
    }
    stage.server.stop().await;
}

#[tokio::test]
async fn where_keys_are_checked_roles_are_those_of_the_file_and_trust_whom_it_says() {
    let stage = Stage::new(|config, dir| {
        let files = [
            (
                "credentials",
                "[a]\naws_access_key_id = test\naws_secret_access_key = test\nuser = root\n\
              [shop]\nrole = shop\ntrust = agent.json\npolicy = read.json\n\
              [web]\nrole = web\ntrust = nobody.json\n",
            ),
            (
                "agent.json",
                r#"{"Statement":{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],
              "Principal":{"Service":"pods.eks.amazonaws.com"},
              "Condition":{"StringEquals":{"aws:RequestTag/kubernetes-namespace":"default"}}}}"#,
            ),
            (
                "nobody.json",
                r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRoleWithWebIdentity",
              "Principal":{"Federated":"arn:aws:iam::000000000000:oidc-provider/else.where"}}}"#,
            ),
            (
                "read.json",
                r#"{"Statement":{"Effect":"Allow","Action":"ecr:Describe*","Resource":"*"}}"#,
            ),
        ];
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        config.auth = config::Auth::Strict {
            credentials: dir.path().join("credentials"),
        };
    })
    .await;
    let uid = stage.pod("web-0", "shop").await;
    let token = stage.token(&stage.claims(AGENT, "web-0", &uid, "shop"));
    let (status, answer) = stage.credentials(&uid, &token).await;
    assert_eq!(status, 200, "{answer}");
    let given = Given::of_agent(&answer);
    for (operation, allowed) in [
        ("DescribeRepositories", true),
        ("GetAuthorizationToken", false),
    ] {
        let request = Request::post("http://169.254.170.23/")
            .header("content-type", "application/x-amz-json-1.1")
            .header(
                "x-amz-target",
                format!("AmazonEC2ContainerRegistry_V20150921.{operation}"),
            );
        let parts = given.sign(request, "ecr", "{}");
        let (status, answer) = stage.ask(&uid, &head("POST /", &parts), "{}").await;
        assert_eq!(status == 200, allowed, "{operation} {answer}");
        assert_eq!(
            answer.contains("AccessDeniedException"),
            !allowed,
            "{answer}"
        );
    }
    // A role that trusts somebody else, and one that there is not.
    let token = stage.token(&stage.claims(STS, "web-0", &uid, "shop"));
    for role in ["web", "unknown"] {
        let role = format!("arn:aws:iam::000000000000:role/{role}");
        let (_, answer) = stage.assume(&token, &role, "").await;
        assert_eq!(within(&answer, "Code"), "AccessDenied", "{answer}");
    }
    stage.server.stop().await;
}
