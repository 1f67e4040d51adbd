//! Hashing and writing, away from the threads that serve.
use std::{
    fs::File,
    io::{self, IoSlice, Write as _},
};

use bytes::Bytes;
use futures::StreamExt as _;
use wharf_types::{Algorithm, Digest, Hasher};

use super::read;
use crate::Error;

/// See [`run_len`].
const RUN: usize = 128 * 1024;

pub(super) fn hash(mut hasher: Hasher, batch: &[Bytes]) -> Hasher {
    for chunk in batch {
        hasher.update(chunk);
    }
    hasher
}

pub(super) async fn hash_on_thread(hasher: Hasher, chunk: Bytes) -> Result<Hasher, Error> {
    let task = tokio::task::spawn_blocking(move || hash(hasher, &[chunk]));
    task.await.map_err(|_panicked| Error::Unavailable)
}

pub(super) fn hash_and_write(
    hasher: Hasher,
    mut file: File,
    batch: &[Bytes],
) -> (Hasher, Option<File>, io::Result<()>) {
    let mut hasher = hasher;
    let mut rest = batch;
    while !rest.is_empty() {
        let (run, after) = rest.split_at(run_len(rest));
        hasher = hash(hasher, run);
        if let Err(e) = write_all(&mut file, run) {
            return (hasher, None, Err(e));
        }
        rest = after;
    }
    (hasher, Some(file), Ok(()))
}

/// How many chunks are hashed and written together: as much as stays in a core's cache in between.
fn run_len(chunks: &[Bytes]) -> usize {
    let mut bytes = 0;
    let run = chunks.iter().take_while(|chunk| {
        let fits = bytes < RUN;
        bytes += chunk.len();
        fits
    });
    run.count()
}

fn write_all(file: &mut File, batch: &[Bytes]) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = batch.iter().map(|chunk| IoSlice::new(chunk)).collect();
    let mut left = slices.as_mut_slice();
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match file.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => IoSlice::advance_slices(&mut left, n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

pub(super) fn hash_file(file: &mut File, algorithm: Algorithm) -> io::Result<Digest> {
    use std::io::Read as _;
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(n) => hasher.update(buffer.get(..n).unwrap_or_default()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Reads a whole blob and hashes it.
pub(crate) async fn digest_of(
    mut reader: read::Reader,
    algorithm: Algorithm,
) -> Result<Digest, Error> {
    let mut hasher = Hasher::new(algorithm);
    while let Some(chunk) = reader.next().await {
        hasher = hash_on_thread(hasher, chunk?).await?;
    }
    Ok(hasher.finish())
}
