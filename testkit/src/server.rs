use std::{net::SocketAddr, path::Path, time::Duration};

use serde_json::json;
use tempfile::TempDir;
use wharf::{
    Server, StartError,
    config::{Config, EngineChoice},
};
use wharf_storage::Store;
use wharf_types::{Clock, Timestamp};

use crate::{AwsReply, Call, Image, Raw};

/// When the clock of a test begins: 2026-01-01.
pub const fn start_time() -> Timestamp {
    Timestamp::from_secs(1_767_225_600)
}

/// A server in this process, with a directory of its own, that a test may stop and start again.
#[derive(Debug)]
pub struct TestServer {
    server: Option<Server>,
    /// Where a server listens that is not in this process.
    elsewhere: Option<SocketAddr>,
    config: Config,
    clock: Clock,
    dir: TempDir,
    password: String,
    pub(crate) http: reqwest::Client,
}

impl TestServer {
    /// A server with the defaults and the repository `app`.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A server with settings of the test's own, and the repository `app`.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path().join("data")).unwrap();
        config.listen = vec![([127, 0, 0, 1], 0).into()];
        config.engine = EngineChoice::Simulated;
        change(&mut config);
        let clock = Clock::manual(start_time());
        let server = Server::start(config.clone(), clock.clone()).await.unwrap();
        let mut s = Self {
            server: Some(server),
            elsewhere: None,
            config,
            clock,
            dir,
            password: String::new(),
            http: client(),
        };
        if s.config.auth == wharf::config::Auth::Local {
            s.login().await;
            s.create("app").await;
        }
        s
    }

    /// A client of a server in another process; what looks behind the door does not work.
    pub(crate) fn of_process(address: SocketAddr, data_dir: &Path) -> Self {
        Self {
            server: None,
            elsewhere: Some(address),
            config: Config::new(data_dir).unwrap(),
            clock: Clock::System,
            dir: tempfile::tempdir().unwrap(),
            password: String::new(),
            http: client(),
        }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    pub fn address(&self) -> SocketAddr {
        self.elsewhere
            .unwrap_or_else(|| self.server().addresses()[0])
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub fn ca_pem(&self) -> &str {
        self.server().ca_pem()
    }

    pub fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// A directory of the test's own that is not the server's.
    pub fn scratch(&self) -> &Path {
        self.dir.path()
    }

    pub fn store(&self) -> &Store {
        self.server().store()
    }

    /// Moves the server's clock.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The password of `AWS` in the registry of the default account.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Gets a new password from ECR.
    pub async fn login(&mut self) {
        self.password = self.password_of("test", "us-east-1").await;
    }

    /// Takes a password that was got in another way, with a real signature.
    pub fn use_password(&mut self, password: String) {
        self.password = password;
    }

    /// Makes a repository.
    pub async fn create(&self, name: &str) {
        self.aws("CreateRepository", json!({ "repositoryName": name }))
            .await
            .ok();
    }

    /// A call of the registry's door, with the password.
    pub fn call(&self, method: &str, path: &str) -> Call<'_> {
        Call::new(self, method, path).password(&self.password)
    }

    /// Calls an operation of ECR as the key `test`.
    pub async fn aws(&self, operation: &str, input: serde_json::Value) -> AwsReply {
        AwsReply::call(self, "test", "us-east-1", operation, input).await
    }

    /// Calls an operation of ECR as another key, in any region.
    pub async fn aws_as(
        &self,
        key: &str,
        region: &str,
        operation: &str,
        input: serde_json::Value,
    ) -> AwsReply {
        AwsReply::call(self, key, region, operation, input).await
    }

    /// The password that a key gets in a region.
    pub async fn password_of(&self, key: &str, region: &str) -> String {
        self.aws_as(key, region, "GetAuthorizationToken", json!({}))
            .await
            .password()
    }

    /// A connection on which the test writes bytes itself.
    pub async fn raw(&self) -> Raw {
        Raw::connect(self.address()).await
    }

    /// Pushes an image whose content follows from its name and tag.
    pub async fn push(&self, repo: &str, tag: &str) -> Image {
        let image = Image::new(&format!("{repo}:{tag}"));
        image.push(self, repo, tag).await;
        image
    }

    /// Everything that is stored, rows and files alike: equal before and after what must leave no
    /// trace.
    pub async fn state(&self) -> Vec<String> {
        let mut state = self.store().meta().read(|tx| tx.dump()).await.unwrap();
        files(self.data_dir(), &mut state);
        state
    }

    /// Makes sure that no upload or staging file is left.
    pub async fn assert_tidy(&self) {
        let uploads = self
            .store()
            .meta()
            .read(|tx| tx.count_uploads())
            .await
            .unwrap();
        assert_eq!(uploads, 0, "uploads are left");
        let staged = std::fs::read_dir(self.data_dir().join("staging"))
            .unwrap()
            .count();
        assert_eq!(staged, 0, "staging files are left");
    }

    /// Stops the server in good order and starts it again on the same directory.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start().await.unwrap();
    }

    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
    }

    /// Starts a stopped server. Its port is another.
    pub async fn start(&mut self) -> Result<(), StartError> {
        self.server = Some(Server::start(self.config.clone(), self.clock.clone()).await?);
        Ok(())
    }

    /// Starts a stopped server with other settings.
    pub async fn start_with(&mut self, change: impl FnOnce(&mut Config)) -> Result<(), StartError> {
        change(&mut self.config);
        self.start().await
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(Duration::from_mins(1))
        .no_proxy()
        .build()
        .unwrap()
}

fn files(dir: &Path, into: &mut Vec<String>) {
    let mut entries: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, into);
        } else if !path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("wharf.db"))
        {
            into.push(format!(
                "{} {}",
                path.display(),
                std::fs::metadata(&path).unwrap().len()
            ));
        }
    }
}
