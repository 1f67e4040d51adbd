//! `wharf login`: what `aws ecr get-login-password | docker login` does, without the AWS CLI.
use std::process::Stdio;

use anyhow::{Context as _, bail};
use tokio::{io::AsyncWriteExt as _, process::Command};

use super::{OK, client::Client, say};
use crate::config::Login;

pub(super) async fn run(options: Login) -> anyhow::Result<u8> {
    let client = Client::from_environment(options.endpoint)?;
    let (password, host) = client.password().await?;
    if options.print {
        say(password)?;
        return Ok(OK);
    }
    let mut docker = Command::new("docker")
        .args(["login", "--username", "AWS", "--password-stdin", &host])
        .stdin(Stdio::piped())
        .spawn()
        .context("docker cannot be run: use --print to get the password for another client")?;
    let mut input = docker.stdin.take().context("docker takes no input")?;
    input.write_all(password.as_bytes()).await?;
    drop(input);
    let status = docker.wait().await?;
    if !status.success() {
        bail!("docker login failed ({status})");
    }
    Ok(OK)
}
