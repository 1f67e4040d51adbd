//! A command in the container.
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::go;
use crate::Error;
use crate::engine::{Engine, ExecSpec};
use crate::worker::Outcome;

/// What is kept of what it writes: `maxReadLength` of the kubelet.
const OUTPUT: usize = 10 * 1024;

pub(super) async fn run(
    engine: &dyn Engine,
    container: &str,
    command: &[String],
    timeout: Duration,
) -> Result<Outcome, Error> {
    match tokio::time::timeout(timeout, finish(engine, container, command)).await {
        Ok(done) => done,
        Err(_) => Ok(Outcome::Failed(format!(
            "command timed out: {} timed out after {}",
            go::quoted(&command.join(" ")),
            go::duration(timeout)
        ))),
    }
}

/// Runs it to its end. Dropping this hangs up on it.
async fn finish(
    engine: &dyn Engine,
    container: &str,
    command: &[String],
) -> Result<Outcome, Error> {
    let spec = ExecSpec {
        command: command.to_vec(),
        tty: false,
        stdin: false,
    };
    let process = engine.exec(container, spec).await?;
    let errors = async {
        match process.stderr {
            Some(stderr) => head(stderr).await,
            None => Vec::new(),
        }
    };
    let (mut output, errors) = tokio::join!(head(process.stdout), errors);
    // One after the other, as the kubelet shows them.
    output.extend(errors);
    output.truncate(OUTPUT);
    let Ok(code) = process.exit.await else {
        let why = "it is not known how the command ended";
        return Err(Error::Failed(why.into()));
    };
    if code == 0 {
        return Ok(Outcome::Passed);
    }
    Ok(Outcome::Failed(
        String::from_utf8_lossy(&output).into_owned(),
    ))
}

/// The beginning of what comes; the rest is read for nobody, so that the writer does not wait.
async fn head(mut from: Box<dyn AsyncRead + Send + Unpin>) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(filled @ 1..) = from.read(&mut buffer).await {
        let room = OUTPUT - kept.len();
        let piece = buffer.get(..filled.min(room)).unwrap_or_default();
        kept.extend_from_slice(piece);
    }
    kept
}
