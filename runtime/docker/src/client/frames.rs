//! Two streams in one: <https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach>.
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, ReadHalf, WriteHalf, split};

use super::Raw;

const HEAD_BYTES: usize = 8;

/// What one frame is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// 1 is what was written to standard output, 2 to standard error.
    pub(crate) stream: u8,
    pub(crate) length: usize,
}

impl Head {
    fn read(bytes: [u8; HEAD_BYTES]) -> Self {
        let [stream, _, _, _, length @ ..] = bytes;
        Self {
            stream,
            length: usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX),
        }
    }
}

/// Reads frames, each in as many parts as there is room.
pub(crate) struct Frames<R> {
    input: R,
    left: usize,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(crate) const fn new(input: R) -> Self {
        Self { input, left: 0 }
    }

    /// The head of the next frame, once the one before it is read. None: there is none.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Head>> {
        let mut head = [0; HEAD_BYTES];
        match self.input.read_exact(&mut head).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let head = Head::read(head);
        self.left = head.length;
        Ok(Some(head))
    }

    /// Reads a part of the frame; 0 is its end.
    pub(crate) async fn part(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.left.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..room).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        match self.input.read(buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.left -= read;
                Ok(read)
            }
        }
    }
}

/// A connection whose frames are all of one stream, as plain bytes.
pub(crate) struct Joined {
    read: ReadHalf<Raw>,
    write: WriteHalf<Raw>,
    head: [u8; HEAD_BYTES],
    filled: usize,
    left: usize,
}

impl fmt::Debug for Joined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joined").finish_non_exhaustive()
    }
}

impl Joined {
    pub(crate) fn new(raw: Raw) -> Self {
        let (read, write) = split(raw);
        Self {
            read,
            write,
            head: [0; HEAD_BYTES],
            filled: 0,
            left: 0,
        }
    }
}

impl AsyncRead for Joined {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.left == 0 {
            let mut head = ReadBuf::new(this.head.get_mut(this.filled..).unwrap_or_default());
            ready!(Pin::new(&mut this.read).poll_read(context, &mut head))?;
            let read = head.filled().len();
            if read == 0 {
                return Poll::Ready(Ok(()));
            }
            this.filled += read;
            if this.filled == HEAD_BYTES {
                this.filled = 0;
                this.left = Head::read(this.head).length;
            }
        }
        let room = out.remaining().min(this.left);
        let mut part = ReadBuf::new(out.initialize_unfilled_to(room));
        ready!(Pin::new(&mut this.read).poll_read(context, &mut part))?;
        let read = part.filled().len();
        out.advance(read);
        this.left -= read;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Joined {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.write).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.write).poll_shutdown(context)
    }
}
