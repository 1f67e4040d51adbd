//! Blobs in a bucket: against a real S3 server on loopback, as a process of its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bucket;
mod failing;
mod pushing;
mod redirects;
mod upkeep;
