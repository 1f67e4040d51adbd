//! A run against small fakes of registries: what it demands of one before the first case, and how
//! it answers challenges.
use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{Category, Credentials, Error, Options, Outcome, Progress, Report, run};

/// What a fake saw: the method, the path, and the authorization.
#[derive(Clone, Debug)]
struct Seen {
    method: String,
    path: String,
    authorization: Option<String>,
}

/// A status, headers, and a body.
type Reply = (u16, Vec<(&'static str, String)>, &'static str);

fn reply(status: u16) -> Reply {
    (status, Vec::new(), "")
}

struct Fake {
    address: String,
    log: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    async fn new(answer: fn(&Seen) -> Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let log = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer, Arc::clone(&seen)));
            }
        });
        Self { address, log }
    }

    fn options(&self) -> Options {
        let mut options = Options::new(&self.address, "team/app".parse().unwrap()).unwrap();
        options.categories = vec![Category::Ping];
        options
    }

    fn with_credentials(&self) -> Options {
        let mut options = self.options();
        let (username, password) = ("me".to_owned(), "secret".to_owned());
        options.credentials = Some(Credentials { username, password });
        options
    }

    fn count(&self, path: &str) -> usize {
        let log = self.log.lock().unwrap();
        log.iter()
            .filter(|seen| seen.path.starts_with(path))
            .count()
    }
}

/// One request for each connection, which is enough of HTTP.
async fn serve(mut stream: TcpStream, answer: fn(&Seen) -> Reply, log: Arc<Mutex<Vec<Seen>>>) {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while !text.windows(4).any(|window| window == b"\r\n\r\n") {
        let n = stream.read(&mut buffer).await.unwrap();
        if n == 0 {
            return;
        }
        text.extend_from_slice(&buffer[..n]);
    }
    let text = String::from_utf8_lossy(&text);
    let mut line = text.lines().next().unwrap().split(' ').map(str::to_owned);
    let header = |line: &str| line.strip_prefix("authorization: ").map(str::to_owned);
    let seen = Seen {
        method: line.next().unwrap(),
        path: line.next().unwrap(),
        authorization: text.lines().find_map(header),
    };
    log.lock().unwrap().push(seen.clone());
    let (status, headers, body) = answer(&seen);
    let headers = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let headers = headers.collect::<Vec<_>>().concat();
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn quiet(options: Options) -> Result<Report, Error> {
    run(options, &mut |_| {}).await
}

#[tokio::test]
async fn a_registry_that_demands_credentials_is_not_tested_without() {
    let fake = Fake::new(|_| reply(401)).await;
    assert!(matches!(
        quiet(fake.options()).await,
        Err(Error::CredentialsNeeded)
    ));
    let refused = quiet(fake.with_credentials()).await;
    assert!(matches!(refused, Err(Error::CredentialsRefused(_))));
}

#[tokio::test]
async fn something_else_is_no_registry() {
    let fake = Fake::new(|_| reply(404)).await;
    assert!(matches!(
        quiet(fake.options()).await,
        Err(Error::NotARegistry(404))
    ));
    let nobody = Options::new("127.0.0.1:1", "team/app".parse().unwrap()).unwrap();
    assert!(matches!(quiet(nobody).await, Err(Error::Unreachable(_))));
}

#[tokio::test]
async fn repositories_that_must_exist_first_are_named() {
    let fake = Fake::new(|seen| reply(if seen.path == "/v2/" { 200 } else { 404 })).await;
    let mut options = fake.options();
    options.categories = Category::ALL.to_vec();
    let error = quiet(options).await.unwrap_err().to_string();
    assert!(
        error.ends_with("create team/app and team/app-2 first"),
        "{error}"
    );
}

#[tokio::test]
async fn one_repository_is_not_enough() {
    let fake = Fake::new(|_| reply(200)).await;
    let mut options = fake.options();
    options.repo2 = options.repo.clone();
    assert!(matches!(
        quiet(options).await,
        Err(Error::SameRepository(_))
    ));
}

#[tokio::test]
async fn a_file_without_certificates_is_refused() {
    let mut options = Options::new("https://localhost", "team/app".parse().unwrap()).unwrap();
    options.ca_pem = Some(b"no certificate".to_vec());
    assert!(matches!(quiet(options).await, Err(Error::NoCertificate)));
}

fn basic(seen: &Seen) -> Reply {
    match seen.authorization.as_deref() {
        Some("Basic bWU6c2VjcmV0") => reply(200),
        _ => (
            401,
            vec![("www-authenticate", "Basic realm=\"r\"".into())],
            "",
        ),
    }
}

#[tokio::test]
async fn basic_is_asked_for_once() {
    let fake = Fake::new(basic).await;
    let report = quiet(fake.with_credentials()).await.unwrap();
    assert!(report.passed(), "{report}");
    let log = fake.log.lock().unwrap();
    let unauthorized: Vec<_> = log
        .iter()
        .take_while(|seen| seen.authorization.is_none())
        .collect();
    assert_eq!(unauthorized.len(), 1, "{unauthorized:?}");
}

fn bearer(seen: &Seen) -> Reply {
    let authorization = seen.authorization.as_deref();
    if seen.path.starts_with("/token") {
        assert_eq!(authorization, Some("Basic bWU6c2VjcmV0"));
        assert_eq!(seen.path, "/token?service=s&scope=x%3Ay");
        return (200, Vec::new(), r#"{"token":"t"}"#);
    }
    if authorization == Some("Bearer t") {
        return reply(200);
    }
    let challenge = r#"Bearer realm="/token",service="s",scope="x:y""#;
    (401, vec![("www-authenticate", challenge.into())], "")
}

#[tokio::test]
async fn a_token_is_fetched_once_for_each_scope() {
    let fake = Fake::new(bearer).await;
    let report = quiet(fake.with_credentials()).await.unwrap();
    assert!(report.passed(), "{report}");
    // `/v2/` and `/v2` are the only things that the ping asks with its credentials.
    assert!(fake.count("/token") <= 2, "{} tokens", fake.count("/token"));
    assert!(!report.to_json().contains("secret") && !report.to_json().contains("Bearer t\""));
}

#[tokio::test]
async fn progress_counts_up_to_the_total() {
    let fake = Fake::new(|_| reply(200)).await;
    let mut told = Vec::new();
    let mut tell = |progress: Progress<'_>| told.push(progress.to_string());
    let report = run(fake.options(), &mut tell).await.unwrap();
    assert_eq!(told.len(), report.cases.len() + 1);
    assert_eq!(told[0], format!("running {} cases", report.cases.len()));
    assert!(told[1].starts_with("1/4 pass ping/ok: "), "{}", told[1]);
}

#[tokio::test]
async fn a_failed_case_keeps_its_requests() {
    let fake = Fake::new(|seen| match (seen.method.as_str(), seen.path.as_str()) {
        ("GET", "/v2/") => reply(200),
        _ => reply(500),
    });
    let report = quiet(fake.await.options()).await.unwrap();
    let failed = report
        .cases
        .iter()
        .find(|case| case.id == "no-slash")
        .unwrap();
    let Outcome::Fail { reasons } = &failed.outcome else {
        panic!("{failed:?}")
    };
    assert_eq!(reasons, &["GET /v2: expected 200, got 500"]);
    assert_eq!(failed.exchanges[0].status, Some(500));
}
