//! Reading the logs of containers.
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use wharf_runtime::engine::LogQuery;

use super::failed;
use crate::wire::State;

/// How much is read at once, and waits for its reader.
const CHUNK: usize = 64 << 10;

/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Where a reader of a log is.
struct Reader {
    folder: PathBuf,
    query: LogQuery,
    since: Option<Timestamp>,
    file: Option<BufReader<File>>,
    /// Whether the file before this one was read.
    rotated: bool,
    /// How much may still be sent.
    left: u64,
    /// Whether the last line that was sent has its end.
    whole: bool,
}

/// What a container wrote, as text.
pub(super) fn read(folder: PathBuf, query: LogQuery) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(CHUNK);
    let mut reader = Reader {
        folder,
        since: query
            .since
            .and_then(|at| Timestamp::from_millisecond(at.as_ms()).ok()),
        left: query.limit_bytes.unwrap_or(u64::MAX),
        query,
        file: None,
        rotated: false,
        whole: true,
    };
    tokio::spawn(async move {
        if let Err(error) = reader.send(theirs).await {
            tracing::debug!(%error, "a log could not be read to its end");
        }
    });
    ours
}

impl Reader {
    async fn send(&mut self, mut to: DuplexStream) -> Result<(), wharf_runtime::Error> {
        let mut begun = false;
        loop {
            // Looked at first, so that nothing is missed that came before the end.
            let ended = self.has_ended();
            loop {
                let mut own = std::mem::replace(self, Self::empty(self.query));
                let start = !begun;
                let (own_again, bytes) = tokio::task::spawn_blocking(move || {
                    let bytes = if start {
                        own.begin().and_then(|()| own.next())
                    } else {
                        own.next()
                    };
                    (own, bytes)
                })
                .await
                .map_err(failed)?;
                *self = own_again;
                begun = true;
                let bytes = bytes.map_err(failed)?;
                if bytes.is_empty() {
                    break;
                }
                if to.write_all(&bytes).await.is_err() || self.left == 0 {
                    return Ok(());
                }
            }
            if ended || !self.query.follow {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn empty(query: LogQuery) -> Self {
        Self {
            folder: PathBuf::new(),
            query,
            since: None,
            file: None,
            rotated: false,
            left: 0,
            whole: true,
        }
    }

    fn has_ended(&self) -> bool {
        let state = std::fs::read(self.folder.join("state.json"));
        let state = state
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        matches!(state, None | Some(State::Ended { .. }))
    }

    /// Opens the log where what is wanted begins.
    fn begin(&mut self) -> std::io::Result<()> {
        let (old, new) = (self.folder.join("log.1"), self.folder.join("log"));
        let wanted = self.query.tail_lines;
        let (mut start, mut from_old) = (0, wanted.is_none());
        if let Some(lines) = wanted {
            let (at, missing) = tail(&new, lines)?;
            start = at;
            if missing > 0 && old.exists() {
                let (at, _) = tail(&old, missing)?;
                start = at;
                from_old = true;
            }
        }
        let path = if from_old && old.exists() { &old } else { &new };
        let mut file = match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            file => file?,
        };
        file.seek(SeekFrom::Start(start))?;
        self.rotated = path == &new;
        self.file = Some(BufReader::with_capacity(CHUNK, file));
        Ok(())
    }

    /// The next lines as they are sent; none if there are none now.
    fn next(&mut self) -> std::io::Result<Vec<u8>> {
        let mut out = Vec::new();
        while out.len() < CHUNK && self.left > 0 {
            let Some(file) = &mut self.file else {
                break;
            };
            let mut line = Vec::new();
            let read = file.read_until(b'\n', &mut line)?;
            if read == 0 || line.last() != Some(&b'\n') {
                // A line that is being written is read again.
                file.seek_relative(-i64::try_from(read).unwrap_or(0))?;
                if !self.move_on()? {
                    break;
                }
                continue;
            }
            self.take(&line, &mut out);
        }
        Ok(out)
    }

    /// After the older file comes the newer one; a newer one is put in place of one that is full.
    fn move_on(&mut self) -> std::io::Result<bool> {
        use std::os::unix::fs::MetadataExt as _;
        let path = self.folder.join("log");
        let Some(file) = &self.file else {
            return Ok(false);
        };
        let (here, there) = (file.get_ref().metadata()?, std::fs::metadata(&path));
        let Ok(there) = there else { return Ok(false) };
        if here.ino() == there.ino() {
            return Ok(false);
        }
        self.file = Some(BufReader::with_capacity(CHUNK, File::open(&path)?));
        self.rotated = true;
        Ok(true)
    }

    fn take(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let mut parts = line.splitn(4, |byte| *byte == b' ');
        let (Some(time), Some(_stream), Some(tag), Some(text)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        if let Some(since) = self.since {
            let at = std::str::from_utf8(time)
                .ok()
                .and_then(|text| text.parse().ok());
            if at.is_none_or(|at: Timestamp| at < since) {
                return;
            }
        }
        let before = out.len();
        if self.query.timestamps && self.whole {
            out.extend_from_slice(time);
            out.push(b' ');
        }
        self.whole = tag == b"F";
        let text = if self.whole {
            text
        } else {
            text.strip_suffix(b"\n").unwrap_or(text)
        };
        out.extend_from_slice(text);
        let grown = (out.len() - before) as u64;
        if grown > self.left {
            out.truncate(before + usize::try_from(self.left).unwrap_or(0));
        }
        self.left = self.left.saturating_sub(grown);
    }
}

/// Where the last `lines` lines of a log begin, and how many it lacks.
fn tail(path: &Path, lines: u64) -> std::io::Result<(u64, u64)> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((0, lines)),
        file => file?,
    };
    let mut at = file.seek(SeekFrom::End(0))?;
    if lines == 0 {
        return Ok((at, 0));
    }
    let mut found = 0;
    let mut chunk = vec![0; CHUNK];
    // The last byte is the end of the last line.
    let mut end = at.saturating_sub(1);
    while end > 0 {
        let from = end.saturating_sub(CHUNK as u64);
        let length = usize::try_from(end - from).unwrap_or(0);
        file.seek(SeekFrom::Start(from))?;
        let part = chunk.get_mut(..length).unwrap_or_default();
        file.read_exact(part)?;
        for (offset, byte) in part.iter().enumerate().rev() {
            if *byte == b'\n' {
                found += 1;
                at = from + offset as u64 + 1;
                if found == lines {
                    return Ok((at, 0));
                }
            }
        }
        end = from;
    }
    if at > 0 {
        found += 1;
    }
    Ok((0, lines.saturating_sub(found)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    async fn text(folder: &Path, query: LogQuery) -> String {
        let mut text = String::new();
        read(folder.to_owned(), query)
            .read_to_string(&mut text)
            .await
            .unwrap();
        text
    }

    fn line(second: u32, tag: &str, text: &str) -> String {
        format!("2026-01-01T00:00:{second:02}.000000000Z stdout {tag} {text}\n")
    }

    #[tokio::test]
    async fn tails_times_limits_and_parts() {
        let folder = tempfile::tempdir().unwrap();
        let old = [line(1, "F", "one"), line(2, "F", "two")].concat();
        let new = [
            line(3, "P", "th"),
            line(3, "F", "ree"),
            line(4, "F", "four"),
        ]
        .concat();
        std::fs::write(folder.path().join("log.1"), old).unwrap();
        std::fs::write(folder.path().join("log"), new).unwrap();
        let all = LogQuery::default();
        assert_eq!(text(folder.path(), all).await, "one\ntwo\nthree\nfour\n");
        let tail = |lines| LogQuery {
            tail_lines: Some(lines),
            ..all
        };
        assert_eq!(text(folder.path(), tail(0)).await, "");
        assert_eq!(text(folder.path(), tail(1)).await, "four\n");
        assert_eq!(text(folder.path(), tail(4)).await, "two\nthree\nfour\n");
        assert_eq!(
            text(folder.path(), tail(99)).await,
            "one\ntwo\nthree\nfour\n"
        );
        let since = LogQuery {
            since: Some(wharf_types::Timestamp::from_secs(1_767_225_604)),
            timestamps: true,
            ..all
        };
        assert_eq!(
            text(folder.path(), since).await,
            "2026-01-01T00:00:04.000000000Z four\n"
        );
        let limited = LogQuery {
            limit_bytes: Some(6),
            ..all
        };
        assert_eq!(text(folder.path(), limited).await, "one\ntw");
    }
}
