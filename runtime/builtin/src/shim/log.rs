//! The log of a container: a line of text for each line that it writes, with time and stream.
//!
//! The form is that of the container runtime interface: `<RFC 3339> stdout F <line>`; lines that are
//! too long come in parts, marked `P`.
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::time;

/// The longest part of a line.
const LINE_BYTES: usize = 16 << 10;

/// How large a log may be before it is put aside; the one before it is dropped then.
const LOG_BYTES: u64 = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

impl Stream {
    const fn name(self) -> &'static str {
        match self {
            Self::Out => "stdout",
            Self::Err => "stderr",
        }
    }
}

pub(super) struct Log {
    path: PathBuf,
    file: File,
    size: u64,
    /// What has come of the last line of each stream.
    open: [Vec<u8>; 2],
}

impl Log {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(Error::Io)?;
        let size = file.metadata().map_err(Error::Io)?.len();
        Ok(Self {
            path: path.to_owned(),
            file,
            size,
            open: [Vec::new(), Vec::new()],
        })
    }

    /// Takes down what was written. Whole lines go to the file at once.
    pub(super) fn write(&mut self, stream: Stream, mut bytes: &[u8]) -> Result<(), Error> {
        let mut out = Vec::with_capacity(bytes.len() + 128);
        let now = time::now_text();
        let name = stream.name();
        let open = &mut self.open[stream as usize];
        while !bytes.is_empty() {
            let room = LINE_BYTES - open.len();
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (take, tag) = match end {
                Some(end) if end <= room => (end, "F"),
                _ if bytes.len() >= room => (room, "P"),
                _ => {
                    open.extend_from_slice(bytes);
                    break;
                }
            };
            let (line, rest) = bytes.split_at(take);
            out.extend_from_slice(format!("{now} {name} {tag} ").as_bytes());
            out.append(open);
            out.extend_from_slice(line);
            out.push(b'\n');
            bytes = if tag == "F" {
                rest.get(1..).unwrap_or_default()
            } else {
                rest
            };
        }
        self.put(&out)
    }

    /// Takes down what has no end of line: as a part, so that none is shown.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        for stream in [Stream::Out, Stream::Err] {
            let open = std::mem::take(&mut self.open[stream as usize]);
            if !open.is_empty() {
                let mut line = format!("{} {} P ", time::now_text(), stream.name()).into_bytes();
                line.extend_from_slice(&open);
                line.push(b'\n');
                self.put(&line)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.size + bytes.len() as u64 > LOG_BYTES {
            std::fs::rename(&self.path, self.path.with_extension("log.1")).map_err(Error::Io)?;
            *self = Self {
                open: std::mem::take(&mut self.open),
                ..Self::open(&self.path)?
            };
        }
        self.file.write_all(bytes).map_err(Error::Io)?;
        self.size += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        let cut = |line: &str| line.split_once(' ').unwrap().1.to_owned();
        text.lines().map(cut).collect()
    }

    #[test]
    fn lines_are_whole_and_streams_are_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = Log::open(&path).unwrap();
        log.write(Stream::Out, b"a\nb").unwrap();
        log.write(Stream::Err, b"e\n").unwrap();
        log.write(Stream::Out, b"c\n\nlast").unwrap();
        log.finish().unwrap();
        assert_eq!(
            lines(&path),
            [
                "stdout F a",
                "stderr F e",
                "stdout F bc",
                "stdout F ",
                "stdout P last"
            ]
        );
    }

    #[test]
    fn long_lines_come_in_parts_and_logs_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let mut log = Log::open(&path).unwrap();
        log.write(Stream::Out, &vec![b'x'; LINE_BYTES + 1]).unwrap();
        log.write(Stream::Out, b"\n").unwrap();
        let tags: Vec<_> = lines(&path)
            .iter()
            .map(|line| line.get(..8).unwrap().to_owned())
            .collect();
        assert_eq!(tags, ["stdout P", "stdout F"]);
        for _ in 0..3 * LOG_BYTES / (64 << 10) {
            log.write(Stream::Out, &[b'\n'; 1 << 10]).unwrap();
            log.write(Stream::Out, &vec![b'y'; 63 << 10]).unwrap();
        }
        let size = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().len();
        assert!(size("x.log") <= LOG_BYTES && size("x.log.1") <= LOG_BYTES);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
