//! A cluster as users get one: made by the AWS CLI, which also writes the kubeconfig.
use std::path::PathBuf;

use tempfile::TempDir;
use wharf_testkit::{Process, Tool, tool};

/// A cluster of a server of its own, for which time passes: tokens are signed with the time of the
/// machine.
pub(super) struct Cluster {
    pub(super) server: Process,
    scratch: TempDir,
}

impl Cluster {
    /// None if the AWS CLI, which is needed for every token, is not there.
    pub(super) async fn new() -> Option<Self> {
        tool("aws")?;
        let scratch = tempfile::tempdir().unwrap();
        let server = Process::serve(&scratch.path().join("data"), &[]).await;
        let cluster = Self { server, scratch };
        let aws = cluster.equip(tool("aws")?);
        let made = tokio::task::spawn_blocking(move || {
            for command in [
                "create-cluster --name it --role-arn arn:aws:iam::000000000000:role/eks \
                 --resources-vpc-config subnetIds=subnet-1,subnet-2",
                "wait cluster-active --name it",
                "update-kubeconfig --name it",
            ] {
                let words = std::iter::once("eks").chain(command.split_whitespace());
                aws.run(&words.collect::<Vec<_>>());
            }
        });
        made.await.unwrap();
        Some(cluster)
    }

    pub(super) fn kubeconfig(&self) -> PathBuf {
        self.scratch.path().join("kubeconfig")
    }

    /// What clients and the AWS CLI are run with: one server, and nothing of the user's own.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let home = self.scratch.path().to_str().unwrap().to_owned();
        let kubeconfig = self.kubeconfig().to_str().unwrap().to_owned();
        vec![
            ("AWS_ENDPOINT_URL", self.server.url()),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
            ("HOME", home),
            ("KUBECONFIG", kubeconfig),
        ]
    }

    pub(super) fn equip(&self, tool: Tool) -> Tool {
        let envs = self.environment();
        envs.iter()
            .fold(tool, |tool, (key, value)| tool.env(key, value))
    }

    /// The same, but the server is another process, on the same data.
    pub(super) async fn restart(self) -> Self {
        let Self { server, scratch } = self;
        let url = server.url();
        let address = url.trim_start_matches("http://");
        server.stop().await;
        // Tokens name the address that they were made for.
        let args = ["--listen", address];
        let server = Process::serve(&scratch.path().join("data"), &args).await;
        Self { server, scratch }
    }

    pub(super) async fn stop(self) {
        self.server.stop().await;
    }
}
