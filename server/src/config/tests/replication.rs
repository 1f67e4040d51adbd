use std::os::unix::fs::PermissionsExt as _;

use super::*;

const ENDPOINT: &str =
    "[[replication.endpoint]]\nregion = \"eu-west-1\"\naccess-key-id = \"AKID\"\n";

/// The configuration of a file that only its owner can read.
fn start(text: &str) -> Start {
    let start = Start::new().file(text);
    protect(&start.data_dir().join("wharf.toml"), 0o600);
    start
}

fn protect(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn endpoints_are_read_with_their_secrets() {
    assert!(Start::new().config("").replication.is_empty());
    let two = format!(
        "{ENDPOINT}url = \"https://a.example\"\nsecret-access-key = \"one\"\n\
         {ENDPOINT}url = \"http://127.0.0.1:4567\"\nsecret-access-key = \"two\"\naccount = \"111111111111\"\n"
    );
    let config = start(&two).config("");
    let [first, second] = config.replication.as_slice() else {
        panic!("{:?}", config.replication);
    };
    assert_eq!(first.region.as_str(), "eu-west-1");
    assert_eq!(
        (&first.account, first.access_key_id.as_str()),
        (&None, "AKID")
    );
    assert_eq!(first.secret_access_key.reveal(), "one");
    assert_eq!(second.account.as_ref().unwrap().as_str(), "111111111111");
    assert!(!format!("{config:?}").contains("two"));
}

#[test]
fn a_secret_may_be_in_a_file_and_is_nobody_elses_to_read() {
    let home = tempfile::tempdir().unwrap();
    let secret = home.path().join("secret");
    fs::write(&secret, "from a file\n").unwrap();
    let text = format!(
        "{ENDPOINT}url = \"https://a.example\"\nsecret-access-key-file = \"{}\"\n",
        secret.display()
    );
    protect(&secret, 0o644);
    assert!(start(&text).error("").contains("chmod 600"));
    protect(&secret, 0o600);
    // There is no secret in the file of the configuration itself.
    let config = Start::new().file(&text).config("");
    assert_eq!(
        config.replication[0].secret_access_key.reveal(),
        "from a file"
    );
    let inline = format!("{ENDPOINT}url = \"https://a.example\"\nsecret-access-key = \"s\"\n");
    let open = start(&inline);
    protect(&open.data_dir().join("wharf.toml"), 0o644);
    let error = open.error("");
    assert!(
        error.contains("wharf.toml") && error.contains("chmod 600"),
        "{error}"
    );
}

#[test]
fn an_endpoint_that_cannot_be_is_refused() {
    let url = |url: &str| format!("{ENDPOINT}url = \"{url}\"\nsecret-access-key = \"s\"\n");
    for (text, named) in [
        (ENDPOINT.to_owned(), "url"),
        (
            format!("{ENDPOINT}url = \"https://a.example\"\n"),
            "secret-access-key",
        ),
        (url("http://a.example"), "allow-http"),
        (url("a.example"), "not a URL"),
        (url("https://a.example/v2"), "scheme, host and port"),
        (
            format!("{}{}", url("https://a.example"), url("https://b.example")),
            "twice",
        ),
        (
            format!("{}account = \"1\"\n", url("https://a.example")),
            "account",
        ),
        (
            format!("{}colour = \"red\"\n", url("https://a.example")),
            "colour",
        ),
    ] {
        let error = start(&text).error("");
        assert!(error.contains(named), "{text}: {error}");
    }
    let plain = format!("{}allow-http = true\n", url("http://a.example"));
    assert_eq!(start(&plain).config("").replication.len(), 1);
}
