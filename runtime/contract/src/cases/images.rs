use wharf_runtime::engine::{ImageRequest, LogQuery};
use wharf_runtime::{Container, Pull};

use crate::story::{Story, container, has};

pub(super) async fn a_pod_runs_says_something_and_ends(s: &Story) {
    let script = "echo out; echo err >&2; pwd; echo $IMAGE; hostname; cat /etc/removed; exit 3";
    let (end, log) = s.finish(s.pod("one", vec![container(script)])).await;
    assert_eq!((end.exit_code, end.reason.as_str()), (3, "Error"), "{log}");
    let words = [
        "out\n",
        "err\n",
        "/work\n",
        "yes\n",
        "one\n",
        // It is in the lower layer, and the upper one removes it.
        "can't open '/etc/removed'",
    ];
    has(&log, &words);
    // The end of the log stands in for last words.
    has(&end.message, &words.map(str::trim));
    s.remove("one").await;
}

pub(super) async fn the_spec_takes_the_place_of_the_images_words(s: &Story) {
    let mut image = Container {
        image: "words".to_owned(),
        command: None,
        ..container("")
    };
    let (_, log) = s.finish(s.pod("entry", vec![image.clone()])).await;
    assert_eq!(log, "entry command\n");
    s.remove("entry").await;
    image.args = Some(vec!["other".to_owned()]);
    let (_, log) = s.finish(s.pod("args", vec![image])).await;
    assert_eq!(log, "entry other\n");
    s.remove("args").await;
    let mut main = container("pwd; echo $IMAGE $OWN; exit 0");
    main.working_dir = Some(wharf_runtime::Directory::new("/etc").unwrap());
    main.env = [("IMAGE", "no"), ("OWN", "a b=c")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec();
    let (end, log) = s.finish(s.pod("spec", vec![main])).await;
    assert_eq!((end.exit_code, log.as_str()), (0, "/etc\nno a b=c\n"));
    assert_eq!(end.reason, "Completed");
    s.remove("spec").await;
}

/// No shell reads them, and none is taken for an option.
pub(super) async fn words_are_passed_as_they_are(s: &Story) {
    // What the kernel takes as one word is 128 KiB at the most.
    let long = "x".repeat(100 << 10);
    let odd = [
        "$(touch /tmp/made)",
        "`touch /tmp/made`",
        "; touch /tmp/made",
        "&& true",
        "| cat",
        "a\nb",
        "\t ",
        "\"'\\",
        "--privileged",
        "-v/:/host",
        "*",
        "~",
        "ü",
        "",
        &long,
    ];
    let mut main = container("");
    let command = ["sh", "-c", r#"printf "<%s>" "$@""#, "sh"];
    main.command = Some(command.map(str::to_owned).to_vec());
    main.args = Some(odd.map(str::to_owned).to_vec());
    let (end, log) = s.finish(s.pod("words", vec![main])).await;
    let expected = format!("<{}>", odd.join("><"));
    assert_eq!(end.exit_code, 0);
    assert!(log == expected, "{}", log.replace(&long, "long"));
    s.remove("words").await;

    let mut main = container("printf '<%s>' \"$ONE\" \"$TWO\"; test -e /tmp/made || echo none");
    let env = [("ONE", odd[0]), ("TWO", odd[5])];
    main.env = env
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec();
    let (_, log) = s.finish(s.pod("values", vec![main])).await;
    has(&log, &["<$(touch /tmp/made)><a\nb>none"]);
    s.remove("values").await;

    // More than the kernel takes.
    let mut main = container("true");
    main.env = vec![("MUCH".to_owned(), "y".repeat(1 << 20))];
    let (end, log) = s.finish(s.pod("much", vec![main])).await;
    assert_ne!(end.exit_code, 0, "{}", end.message);
    has(&log, &["argument list too long"]);
    s.remove("much").await;
}

pub(super) async fn an_image_is_pulled_by_many_at_once(s: &Story) {
    let request = ImageRequest {
        name: "shop".to_owned(),
        policy: Pull::Always,
        secrets: Vec::new(),
    };
    for _ in 0..4 {
        let pulls = (0..16).map(|_| s.engine.pull(&request));
        let images = futures::future::try_join_all(pulls).await.unwrap();
        assert!(images.iter().all(|image| image.id == images[0].id));
    }
}

pub(super) async fn an_image_that_is_there_is_not_fetched_again(s: &Story) {
    let request = |policy| ImageRequest {
        name: "shop".to_owned(),
        policy,
        secrets: Vec::new(),
    };
    let (never, if_not) = (request(Pull::Never), request(Pull::IfNotPresent));
    let error = s.engine.pull(&never).await.unwrap_err().to_string();
    assert!(error.contains("policy of Never"), "{error}");
    let image = s.engine.pull(&if_not).await.unwrap();
    assert!(image.fetched && image.digest.starts_with("localhost:4566/shop@sha256:"));
    assert_eq!(image.config.user, "shop");
    for request in [&if_not, &never, &request(Pull::Always)] {
        let again = s.engine.pull(request).await.unwrap();
        assert!(!again.fetched && again.id == image.id, "{again:?}");
        assert_eq!(
            (&again.digest, &again.config),
            (&image.digest, &image.config)
        );
    }
    let missing = ImageRequest {
        name: "no-such".to_owned(),
        ..if_not
    };
    let error = s.engine.pull(&missing).await.unwrap_err().to_string();
    assert_eq!(error, "there is no image no-such");
}

pub(super) async fn a_layer_with_another_digest_is_refused(s: &Story) {
    let main = Container {
        image: "broken".to_owned(),
        ..container("true")
    };
    s.worker.run(s.pod("broken", vec![main]), None);
    let message = s.waits("broken", "ErrImagePull").await;
    has(&message, &["failed to extract layer sha256:"]);
    s.remove("broken").await;
    // What it has in common with others is as good as before.
    let (end, _) = s.finish(s.pod("whole", vec![container("exit 0")])).await;
    assert_eq!(end.exit_code, 0);
    assert_eq!(s.log("whole", LogQuery::default()).await, "");
    s.remove("whole").await;
}
