use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A socket on which a test writes what no client would.
#[derive(Debug)]
pub struct Raw(pub TcpStream);

/// An answer as it came.
#[derive(Debug)]
pub struct RawReply {
    pub status: u16,
    pub text: String,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Writes bytes. The other side may have closed already.
    pub async fn write(&mut self, bytes: &[u8]) {
        drop(self.0.write_all(bytes).await);
    }

    /// Reads until the other side closes.
    pub async fn read_to_end(&mut self) -> String {
        let mut all = Vec::new();
        drop(self.0.read_to_end(&mut all).await);
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Writes a request that ends the connection, and reads the answer. Status 0 is no answer.
    pub async fn ask(mut self, request: &[u8]) -> RawReply {
        self.write(request).await;
        let text = self.read_to_end().await;
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0);
        RawReply { status, text }
    }
}
