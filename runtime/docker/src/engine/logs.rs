//! Logs, as Docker keeps them.
//!
//! Docker is always asked for the times: they say where a piece of a long line ends, and Docker's own
//! beginnings are whole seconds.
use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader, DuplexStream};
use wharf_runtime::engine::LogQuery;

use super::Docker;
use crate::client::{BodyReader, Frames};

/// How much of a log waits for its reader.
const WAITING: usize = 256 << 10;
const CHUNK: usize = 32 << 10;

/// The longest time that stands before a line.
const TIME_BYTES: usize = 64;

impl Docker {
    pub(super) async fn do_logs(
        &self,
        id: &str,
        query: LogQuery,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin>, wharf_runtime::Error> {
        let found = self.look(id).await?;
        let found = found.ok_or(wharf_runtime::Error::NoSuchContainer)?;
        let mut call = self.client().get(format!("/containers/{}/logs", found.id));
        call = call
            .query("stdout", "1")
            .query("stderr", "1")
            .query("timestamps", "1");
        if query.follow && found.state.running {
            call = call.query("follow", "1");
        }
        if let Some(since) = query.since {
            call = call.query("since", &since.as_secs().max(0).to_string());
        }
        if let Some(lines) = query.tail_lines {
            call = call.query("tail", &lines.to_string());
        }
        let body = call.stream().await?;
        let (log, out) = tokio::io::duplex(WAITING);
        let tty = found.config.tty;
        tokio::spawn(async move {
            let mut writer = Writer::new(out, query);
            let written = if tty {
                lines(body, &mut writer).await
            } else {
                frames(body, &mut writer).await
            };
            // The reader has gone, or has enough.
            if let Err(error) = written {
                tracing::debug!(%error, "a log was not read to its end");
            }
        });
        Ok(Box::new(log))
    }
}

/// Each frame is a line, or a piece of a long one, after its time.
async fn frames(body: BodyReader, writer: &mut Writer) -> io::Result<()> {
    let mut frames = Frames::new(BufReader::new(body));
    let mut buffer = vec![0; CHUNK];
    while let Some(head) = frames.head().await? {
        writer.begin(head.stream == 2);
        loop {
            let read = frames.part(&mut buffer).await?;
            let bytes = buffer.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                break;
            }
            writer.write(bytes).await?;
        }
    }
    writer.finish().await
}

/// A terminal's log has no frames, only lines.
async fn lines(body: BodyReader, writer: &mut Writer) -> io::Result<()> {
    let mut body = BufReader::new(body);
    writer.begin(false);
    loop {
        let bytes = body.fill_buf().await?;
        if bytes.is_empty() {
            return writer.finish().await;
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(bytes.len(), |end| end + 1);
        writer
            .write(bytes.get(..length).unwrap_or_default())
            .await?;
        body.consume(length);
        if end.is_some() {
            writer.begin(false);
        }
    }
}

/// Writes what is wanted of the pieces.
struct Writer {
    out: DuplexStream,
    query: LogQuery,
    left: u64,
    /// Of the piece that comes, before its first space: its time.
    time: Vec<u8>,
    state: State,
    /// Which stream the piece is of, and which of the two are within a line.
    stream: usize,
    inside: [bool; 2],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Time,
    Wanted,
    Unwanted,
}

impl Writer {
    fn new(out: DuplexStream, query: LogQuery) -> Self {
        Self {
            out,
            query,
            left: query.limit_bytes.unwrap_or(u64::MAX),
            time: Vec::new(),
            state: State::Time,
            stream: 0,
            inside: [false; 2],
        }
    }

    /// A piece begins.
    fn begin(&mut self, is_error: bool) {
        self.time.clear();
        self.state = State::Time;
        self.stream = usize::from(is_error);
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let text = match self.state {
            State::Unwanted => return Ok(()),
            State::Wanted => bytes,
            State::Time => {
                let end = bytes.iter().position(|byte| *byte == b' ');
                let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
                self.time.extend_from_slice(part);
                if self.time.len() > TIME_BYTES {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                let Some(end) = end else { return Ok(()) };
                self.state = self.judge();
                if self.state == State::Unwanted {
                    return Ok(());
                }
                let within = self.inside.get(self.stream).copied().unwrap_or(false);
                if self.query.timestamps && !within {
                    let mut time = std::mem::take(&mut self.time);
                    time.push(b' ');
                    self.send(&time).await?;
                }
                bytes.get(end + 1..).unwrap_or_default()
            }
        };
        if let (Some(last), Some(inside)) = (text.last(), self.inside.get_mut(self.stream)) {
            *inside = *last != b'\n';
        }
        self.send(text).await
    }

    /// Whether the piece is young enough.
    fn judge(&self) -> State {
        let time = std::str::from_utf8(&self.time).ok();
        let time = time.and_then(|time| time.parse::<jiff::Timestamp>().ok());
        match (self.query.since, time) {
            (Some(since), Some(time)) if time.as_millisecond() < since.as_ms() => State::Unwanted,
            _ => State::Wanted,
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        self.out
            .write_all(bytes.get(..length).unwrap_or_default())
            .await?;
        self.left -= u64::try_from(length).unwrap_or(self.left);
        match self.left {
            // Nothing more is wanted.
            0 => Err(io::ErrorKind::WriteZero.into()),
            _ => Ok(()),
        }
    }

    async fn finish(&mut self) -> io::Result<()> {
        self.out.shutdown().await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use wharf_types::Timestamp;

    use super::*;

    /// Pieces as (standard error, bytes).
    async fn written(query: LogQuery, pieces: &[(bool, &str)]) -> String {
        let (mut log, out) = tokio::io::duplex(1 << 20);
        let mut writer = Writer::new(out, query);
        for (is_error, text) in pieces {
            writer.begin(*is_error);
            // Bytes may come in any parts.
            for byte in text.as_bytes() {
                if writer.write(&[*byte]).await.is_err() {
                    break;
                }
            }
        }
        drop(writer);
        let mut text = String::new();
        log.read_to_string(&mut text).await.unwrap();
        text
    }

    const LOG: [(bool, &str); 3] = [
        (false, "2026-01-01T00:00:01.500000000Z one "),
        (true, "2026-01-01T00:00:01.600000000Z error\n"),
        (false, "2026-01-01T00:00:01.700000000Z line\n"),
    ];

    #[tokio::test]
    async fn times_stand_before_lines_not_before_their_pieces() {
        let plain = written(LogQuery::default(), &LOG).await;
        assert_eq!(plain, "one error\nline\n");
        let query = LogQuery {
            timestamps: true,
            ..LogQuery::default()
        };
        let timed = written(query, &LOG).await;
        assert_eq!(
            timed,
            "2026-01-01T00:00:01.500000000Z one 2026-01-01T00:00:01.600000000Z error\nline\n"
        );
    }

    #[tokio::test]
    async fn a_log_begins_at_a_time_and_ends_at_a_length() {
        let query = LogQuery {
            since: Some(Timestamp::from_ms(1_767_225_601_600)),
            ..LogQuery::default()
        };
        assert_eq!(written(query, &LOG).await, "error\nline\n");
        let query = LogQuery {
            limit_bytes: Some(7),
            ..LogQuery::default()
        };
        assert_eq!(written(query, &LOG).await, "one err");
    }
}
