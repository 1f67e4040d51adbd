//! What the measured pods do: they serve, or connect to each other.
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::ms;
use crate::report::median;

/// Answers a byte with a byte.
pub(super) const ECHO: u16 = 7000;
/// Sends [`STREAM_BYTES`] to whoever connects.
pub(super) const STREAM: u16 = 7001;
pub(super) const STREAM_BYTES: usize = 512 * 1024 * 1024;
pub(super) const PIECE_BYTES: usize = 64 * 1024;
/// The arguments of a pod that serves.
pub(super) const SERVE: [&str; 2] = ["in-pod", "serve"];

/// Connections before those that count.
const WARM: usize = 100;
/// How long an address may not answer at first.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve until it is told to end
    Serve,
    /// Do nothing until it is told to end
    Pause,
    /// Connect to two addresses in turn, and print what a connection takes
    Connect {
        #[arg(long)]
        direct: SocketAddr,
        #[arg(long)]
        through: SocketAddr,
        #[arg(long)]
        count: usize,
    },
}

/// Medians of a connection with a byte there and back.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Connected {
    pub(super) direct_us: f64,
    pub(super) through_us: f64,
}

impl Command {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Serve => {
                listen(ECHO, echo)?;
                listen(STREAM, stream)?;
                pause().await
            }
            Self::Pause => pause().await,
            Self::Connect {
                direct,
                through,
                count,
            } => {
                let connected = connect(direct, through, count).await?;
                println!("{}", serde_json::to_string(&connected)?);
                Ok(())
            }
        }
    }
}

/// The first process of a pod is not ended by a signal that it does not handle.
async fn pause() -> Result<()> {
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

fn listen(port: u16, answer: fn(TcpStream) -> io::Result<()>) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Who hangs up early is of no interest.
            drop(answer(stream));
        }
    });
    Ok(())
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    stream.write_all(&byte)
}

pub(super) fn stream(mut stream: TcpStream) -> io::Result<()> {
    let piece = vec![7; PIECE_BYTES];
    for _ in 0..STREAM_BYTES / PIECE_BYTES {
        stream.write_all(&piece)?;
    }
    Ok(())
}

async fn connect(direct: SocketAddr, through: SocketAddr, count: usize) -> Result<Connected> {
    for address in [direct, through] {
        // The pod may have learnt of the service only later.
        let answers = async {
            while round_trip(address).is_err() {
                sleep(POLL).await;
            }
        };
        let answered = timeout(PATIENCE, answers).await;
        answered.with_context(|| format!("{address} does not answer"))?;
    }
    let (mut direct_us, mut through_us) = (Vec::new(), Vec::new());
    for index in 0..WARM + count {
        // In turns, so that what else the machine does is shared.
        let times = (round_trip(direct)?, round_trip(through)?);
        if index >= WARM {
            direct_us.push(ms(times.0) * 1000.0);
            through_us.push(ms(times.1) * 1000.0);
        }
    }
    Ok(Connected {
        direct_us: median(direct_us).unwrap_or_default(),
        through_us: median(through_us).unwrap_or_default(),
    })
}

fn round_trip(address: SocketAddr) -> io::Result<Duration> {
    let took = Instant::now();
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&[1])?;
    stream.read_exact(&mut [0])?;
    Ok(took.elapsed())
}
