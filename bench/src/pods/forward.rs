//! What comes through port-forward: over a WebSocket of our own, by kubectl, and by a plain relay.
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::process::Command;
use tokio::time::Instant;

use super::inside::{PIECE_BYTES, STREAM, STREAM_BYTES, stream};
use super::service::SERVER;
use super::{Note, stage::Stage};
use crate::client::Client;
use crate::cluster::kubectl;
use crate::cluster::pods::PODS;
use crate::report::{Bound, median};
use crate::server::Server;

const MEGABYTES_PER_S: f64 = 100.0;
const BUFFER_BYTES: usize = 256 * 1024;
/// Frames, by <https://www.rfc-editor.org/rfc/rfc6455#section-5.2>.
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
/// The channels of the first port, each of which begins with the port's number.
const DATA: u8 = 0;
const ERRORS: u8 = 1;
const NUMBER_BYTES: u64 = 2;

pub(super) async fn measure(
    server: &Server,
    stage: &Stage,
    runs: usize,
    note: &mut Note<'_>,
) -> Result<()> {
    let (mut ours, mut relayed, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let before = server.process.cpu_seconds()?;
        ours.push(rate(websocket(&stage.client).await?));
        cpu.push(server.process.cpu_seconds()? - before);
        relayed.push(rate(tokio::task::spawn_blocking(relay).await??));
    }
    let median = |values| median(values).unwrap_or_default();
    note(
        "port-forward, MB/s",
        median(ours),
        Some(Bound::AtLeast(MEGABYTES_PER_S)),
    );
    note("port-forward of 512 MiB, server CPU s", median(cpu), None);
    if Command::new("kubectl")
        .arg("version")
        .arg("--client")
        .output()
        .await
        .is_ok()
    {
        let mut by_kubectl = Vec::new();
        for _ in 0..runs {
            by_kubectl.push(rate(through_kubectl(server, &stage.client).await?));
        }
        note("port-forward by kubectl, MB/s", median(by_kubectl), None);
    } else {
        eprintln!("skipped: kubectl is not there");
    }
    note("a plain relay of TCP, MB/s", median(relayed), None);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "half a gigabyte")]
fn rate(time: Duration) -> f64 {
    STREAM_BYTES as f64 / time.as_secs_f64() / 1e6
}

/// Reads the pod's stream through the cluster's endpoint.
async fn websocket(client: &Client) -> Result<Duration> {
    let mut io = BufReader::with_capacity(BUFFER_BYTES, client.dial().await?);
    let request = format!(
        "GET {PODS}/{SERVER}/portforward?ports={STREAM} HTTP/1.1\r\nHost: {}\r\n\
         Authorization: Bearer {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n",
        client.host(),
        client.token()
    );
    let took = Instant::now();
    io.write_all(request.as_bytes()).await?;
    io.flush().await?;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        ensure!(io.read_line(&mut head).await? > 0, "no answer: {head}");
    }
    ensure!(head.starts_with("HTTP/1.1 101 "), "no WebSocket: {head}");
    let mut left = STREAM_BYTES as u64 + NUMBER_BYTES;
    while left > 0 {
        let [code, length] = io.read_u16().await?.to_be_bytes();
        let length = match length {
            126 => u64::from(io.read_u16().await?),
            127 => io.read_u64().await?,
            short => u64::from(short),
        };
        match code & 0x0f {
            BINARY => {}
            CLOSE => bail!("closed {left} bytes early"),
            _ => {
                skip(&mut io, length).await?;
                continue;
            }
        }
        let length = length.checked_sub(1).context("a message of no channel")?;
        match io.read_u8().await? {
            DATA => {
                skip(&mut io, length).await?;
                left = left.checked_sub(length).context("too many bytes")?;
            }
            ERRORS if length > NUMBER_BYTES => {
                let mut text = vec![0; usize::try_from(length)?];
                io.read_exact(&mut text).await?;
                bail!("{}", String::from_utf8_lossy(&text));
            }
            _ => skip(&mut io, length).await?,
        }
    }
    Ok(took.elapsed())
}

async fn skip<R: AsyncBufRead + Unpin + Send>(io: &mut R, mut bytes: u64) -> Result<()> {
    while bytes > 0 {
        let there = io.fill_buf().await?.len();
        ensure!(there > 0, "the stream breaks off");
        let taken = there.min(usize::try_from(bytes)?);
        io.consume(taken);
        bytes -= taken as u64;
    }
    Ok(())
}

async fn through_kubectl(server: &Server, client: &Client) -> Result<Duration> {
    let config = kubectl::config(server, client)?;
    let mut kubectl = Command::new("kubectl")
        .args(["port-forward", &format!("pod/{SERVER}")])
        .arg(format!(":{STREAM}"))
        .env("KUBECONFIG", config)
        .env("HOME", &server.home)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    // `Forwarding from 127.0.0.1:40001 -> 7001`
    let mut lines = BufReader::new(kubectl.stdout.take().context("no output")?).lines();
    let line = lines.next_line().await?.context("kubectl says nothing")?;
    let address = line.split(' ').find_map(|word| word.parse().ok());
    let address: SocketAddr = address.with_context(|| format!("no address: {line}"))?;
    let took = tokio::task::spawn_blocking(move || receive(address)).await??;
    kubectl.kill().await?;
    Ok(took)
}

/// The same stream through one more process' worth of reading and writing, on loopback.
fn relay() -> Result<Duration> {
    let (from, between) = (listen()?, listen()?);
    let (source, address) = (from.local_addr()?, between.local_addr()?);
    thread::spawn(move || stream(from.accept()?.0));
    thread::spawn(move || {
        let (mut to, _) = between.accept()?;
        let mut from = TcpStream::connect(source)?;
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            let read = from.read(&mut buffer)?;
            let piece = buffer.get(..read).unwrap_or_default();
            if piece.is_empty() {
                return Ok::<_, std::io::Error>(());
            }
            to.write_all(piece)?;
        }
    });
    receive(address)
}

fn listen() -> Result<TcpListener> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?)
}

fn receive(address: SocketAddr) -> Result<Duration> {
    let took = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut left = STREAM_BYTES;
    while left > 0 {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "{left} bytes are missing");
        left = left.checked_sub(read).context("too many bytes")?;
    }
    Ok(took.elapsed())
}
