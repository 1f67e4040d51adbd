//! Credentials of pod identities.
use super::*;

#[tokio::test]
async fn a_pod_gets_the_credentials_of_its_association_and_is_its_role() {
    let stage = Stage::new(|_, _| {}).await;
    let uid = stage.pod("web-0", "shop").await;
    // Admission told its container where they are.
    let pod = stage
        .cluster
        .get("pods", "default", "web-0")
        .unwrap()
        .value();
    assert!(
        pod.to_string()
            .contains("http://169.254.170.23/v1/credentials")
    );
    let token = stage.token(&stage.claims(AGENT, "web-0", &uid, "shop"));
    let (status, answer) = stage.credentials(&uid, &token).await;
    assert_eq!(status, 200, "{answer}");
    let shown: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(shown["AccountId"], "000000000000");
    assert_eq!(shown["Expiration"], "2027-01-15T14:00:00Z");
    let given = Given::of_agent(&answer);
    let (status, answer) = stage.form(&uid, &given, WHO).await;
    assert_eq!(status, 200, "{answer}");
    let arn = "<Arn>arn:aws:sts::000000000000:assumed-role/shop/eks-dev-web-0-";
    assert!(answer.contains(arn), "{answer}");
    // The rest of AWS is there, too, and what it names is not this address.
    let body = json!({ "repositoryName": "app" }).to_string();
    let request = Request::post("http://169.254.170.23/")
        .header("content-type", "application/x-amz-json-1.1")
        .header(
            "x-amz-target",
            "AmazonEC2ContainerRegistry_V20150921.CreateRepository",
        );
    let parts = given.sign(request, "ecr", &body);
    let (status, answer) = stage.ask(&uid, &head("POST /", &parts), &body).await;
    assert_eq!(status, 200, "{answer}");
    assert!(
        answer.contains("repositoryUri") && !answer.contains("169.254"),
        "{answer}"
    );
    stage.server.stop().await;
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one row a refusal")]
async fn credentials_are_for_the_pod_that_the_token_is_of_as_long_as_it_is_there() {
    let stage = Stage::new(|_, _| {}).await;
    let uid = stage.pod("web-0", "shop").await;
    let neighbour = stage.pod("web-1", "shop").await;
    let other = stage.pod("other-0", "other").await;
    let label = json!({
        "name": "far", "namespace": "default",
        "labels": { "eks.amazonaws.com/fargate-profile": "p" },
    });
    let spec = json!({
        "serviceAccountName": "shop",
        "containers": [{ "name": "c", "image": "busybox" }],
    });
    let rest = json!({ "metadata": label, "spec": spec });
    let far = stage.make("pods", "Pod", "far", rest).await;
    let far_token = stage.token(&stage.claims(AGENT, "far", &far, "shop"));
    let good = stage.claims(AGENT, "web-0", &uid, "shop");
    let with = |change: &dyn Fn(&mut Claims)| {
        let mut claims = good.clone();
        change(&mut claims);
        stage.token(&claims)
    };
    let fine = stage.token(&good);
    let foreign = mint(&Key::generate().unwrap(), &good).unwrap();
    let other_token = stage.token(&stage.claims(AGENT, "other-0", &other, "other"));
    for (who, token, status, text) in [
        (&neighbour, fine.clone(), 400, "(InvalidTokenException)"),
        (
            &uid,
            String::new(),
            400,
            "Service account token cannot be empty",
        ),
        (
            &uid,
            "abc".to_owned(),
            400,
            "Service account token cannot be parsed",
        ),
        (
            &uid,
            with(&|c| c.aud = Audiences(vec![STS.to_owned()])),
            400,
            "(InvalidTokenException)",
        ),
        (
            &uid,
            with(&|c| c.exp = Some(NOW - 61)),
            400,
            "token is expired",
        ),
        (
            &uid,
            with(&|c| c.nbf = Some(NOW + 61)),
            400,
            "token is not valid yet",
        ),
        (
            &uid,
            with(&|c| c.kubernetes.pod = None),
            400,
            "(InvalidTokenException)",
        ),
        (
            &uid,
            with(&|c| c.iss = "https://else.where".to_owned()),
            400,
            "(InvalidTokenException)",
        ),
        (
            &uid,
            foreign.expose().to_owned(),
            400,
            "(InvalidTokenException)",
        ),
        (&other, other_token, 404, "(ResourceNotFoundException)"),
        (&far, far_token, 400, "on Fargate"),
    ] {
        let (found, answer) = stage.credentials(who, &token).await;
        assert_eq!(found, status, "{answer}");
        assert!(answer.contains(text), "{answer}");
        assert!(!answer.contains("AccessKeyId"), "{answer}");
    }
    assert_eq!(stage.credentials(&uid, &fine).await.0, 200);
    // Whoever has its name later is another pod.
    let by = Actor::system("tester", "test", "test");
    let now = wharf_kubernetes::cluster::Deletion {
        grace_secs: Some(0),
        ..wharf_kubernetes::cluster::Deletion::default()
    };
    let gone = stage.cluster.delete("pods", "default", "web-0", &now, &by);
    gone.await.unwrap();
    assert_eq!(stage.credentials(&uid, &fine).await.0, 400);
    stage.server.stop().await;
}

#[tokio::test]
async fn without_credentials_of_a_session_a_pod_reaches_nothing() {
    let stage = Stage::new(|_, _| {}).await;
    let uid = stage.pod("web-0", "shop").await;
    for path in [
        "/",
        "/v2/",
        "/metrics",
        "/_wharf/info",
        "/clusters",
        "/latest/meta-data/",
    ] {
        let (status, answer) = stage.ask(&uid, &format!("GET {path}"), "").await;
        assert_eq!(status, 403, "{path} {answer}");
    }
    let head = format!("POST /\ncontent-type: {FORM}\r\n");
    let (status, answer) = stage.ask(&uid, &head, WHO).await;
    assert_eq!(
        (status, within(&answer, "Code").as_str()),
        (403, "MissingAuthenticationToken")
    );
    // Where keys are not checked they still are of pods.
    let (status, answer) = stage.form(&uid, &stage.root, WHO).await;
    assert_eq!(
        (status, within(&answer, "Code").as_str()),
        (403, "InvalidClientTokenId")
    );
    stage.server.stop().await;
}
