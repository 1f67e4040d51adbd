//! Bytes that wait to be sent.

use super::frame::Header;

#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    /// How much of `bytes` is sent.
    sent: usize,
}

impl Output {
    pub(super) fn waiting(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    pub(super) fn sent(&mut self, count: usize) {
        self.sent = self.sent.saturating_add(count).min(self.bytes.len());
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
        } else if self.sent > self.bytes.len() / 2 {
            // At least half goes, so that each byte is moved once at most, on average.
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }

    pub(super) fn frame(&mut self, header: Header, payload: &[u8]) {
        header.write(&mut self.bytes);
        self.bytes.extend_from_slice(payload);
    }
}
