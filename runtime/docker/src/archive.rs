//! Tar archives: small ones in memory, large ones piece by piece.
use std::io;

use bytes::Bytes;
use tokio::sync::mpsc;
use wharf_types::Clock;

use crate::Error;

const BLOCK: u64 = 512;

fn header(size: u64, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(mode);
    header
}

/// An archive that is sent while it is written.
pub(crate) struct Outgoing {
    to: mpsc::Sender<io::Result<Bytes>>,
    /// What the file that is being written still needs.
    left: u64,
    padding: u64,
}

impl Outgoing {
    pub(crate) const fn new(to: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self {
            to,
            left: 0,
            padding: 0,
        }
    }

    async fn send(&self, bytes: Bytes) -> Result<(), Error> {
        let sent = self.to.send(Ok(bytes)).await;
        sent.map_err(|_gone| Error::Io(io::ErrorKind::BrokenPipe.into()))
    }

    /// Begins a file, whose bytes follow.
    pub(crate) async fn begin(&mut self, name: &str, size: u64) -> Result<(), Error> {
        let mut header = header(size, 0o644);
        header.set_path(name).map_err(Error::Io)?;
        header.set_cksum();
        self.left = size;
        self.padding = size.next_multiple_of(BLOCK) - size;
        self.send(Bytes::copy_from_slice(header.as_bytes())).await
    }

    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let left = self.left.checked_sub(length);
        self.left =
            left.ok_or_else(|| Error::Refused("a file is longer than it was".to_owned()))?;
        self.send(bytes).await
    }

    /// Ends a file.
    pub(crate) async fn end(&mut self) -> Result<(), Error> {
        if self.left > 0 {
            return Err(Error::Refused("a file is shorter than it was".to_owned()));
        }
        let padding = usize::try_from(self.padding).unwrap_or(0);
        self.send(vec![0; padding].into()).await
    }

    pub(crate) async fn file(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.begin(name, size).await?;
        self.write(bytes.into()).await?;
        self.end().await
    }

    /// Ends the archive.
    pub(crate) async fn finish(self) -> Result<(), Error> {
        self.send(Bytes::from_static(&[0; 1024])).await
    }

    /// Ends the archive so that nobody takes it for whole.
    pub(crate) async fn break_off(self, why: &Error) {
        // Nobody may listen any more, which is as good.
        let _heard = self.to.send(Err(io::Error::other(why.chain()))).await;
    }
}

/// Who owns what is in a small archive.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owner {
    pub(crate) group: u64,
}

/// An archive in memory.
pub(crate) struct Small {
    builder: tar::Builder<Vec<u8>>,
    owner: Owner,
}

impl Small {
    pub(crate) fn new(owner: Owner) -> Self {
        Self {
            builder: tar::Builder::new(Vec::new()),
            owner,
        }
    }

    fn header(&self, kind: tar::EntryType, size: usize, mode: u32) -> tar::Header {
        let mut header = header(u64::try_from(size).unwrap_or(u64::MAX), mode);
        header.set_entry_type(kind);
        header.set_mtime(u64::try_from(Clock::System.now().as_secs()).unwrap_or(0));
        header.set_uid(0);
        header.set_gid(self.owner.group);
        header
    }

    pub(crate) fn folder(&mut self, path: &str, mode: u32) -> Result<(), Error> {
        let mut header = self.header(tar::EntryType::Directory, 0, mode);
        let added = self.builder.append_data(&mut header, path, io::empty());
        added.map_err(Error::Io)
    }

    pub(crate) fn file(&mut self, path: &str, mode: u32, bytes: &[u8]) -> Result<(), Error> {
        let mut header = self.header(tar::EntryType::Regular, bytes.len(), mode);
        let added = self.builder.append_data(&mut header, path, bytes);
        added.map_err(Error::Io)
    }

    pub(crate) fn link(&mut self, path: &str, target: &str) -> Result<(), Error> {
        let mut header = self.header(tar::EntryType::Symlink, 0, 0o777);
        let added = self.builder.append_link(&mut header, path, target);
        added.map_err(Error::Io)
    }

    pub(crate) fn finish(self) -> Result<Vec<u8>, Error> {
        self.builder.into_inner().map_err(Error::Io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[tokio::test]
    async fn what_is_sent_in_pieces_is_an_archive() {
        let (to, mut pieces) = mpsc::channel(64);
        let mut archive = Outgoing::new(to);
        archive.file("a", b"one".to_vec()).await.unwrap();
        archive.begin("b", 1000).await.unwrap();
        archive.write(vec![7; 400].into()).await.unwrap();
        archive.write(vec![8; 600].into()).await.unwrap();
        archive.end().await.unwrap();
        archive.finish().await.unwrap();
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.recv().await {
            bytes.extend_from_slice(&piece.unwrap());
        }
        let mut read = tar::Archive::new(&bytes[..]);
        let files: Vec<(String, Vec<u8>)> = read
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                (entry.path().unwrap().display().to_string(), content)
            })
            .collect();
        assert_eq!(files.len(), 2);
        assert_eq!(files[0], ("a".to_owned(), b"one".to_vec()));
        assert_eq!(
            (files[1].1.len(), files[1].1[399], files[1].1[400]),
            (1000, 7, 8)
        );
    }

    #[tokio::test]
    async fn a_file_has_the_length_that_was_said() {
        let (to, _pieces) = mpsc::channel(64);
        let mut archive = Outgoing::new(to);
        archive.begin("a", 2).await.unwrap();
        assert!(archive.write(vec![0; 3].into()).await.is_err());
        archive.write(vec![0; 1].into()).await.unwrap();
        assert!(archive.end().await.is_err());
    }
}
