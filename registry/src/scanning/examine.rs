//! Looks into an image: its layers come from the store as they are asked for, and are unpacked on a
//! thread of their own.
use std::{
    io::{self, Read},
    sync::Arc,
};

use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use tokio::sync::mpsc;
use wharf_scan::{Database, Error as ScanError, Files, Finding, Inventory, Limits};
use wharf_storage::{BlobRow, Error as StoreError, Segment};
use wharf_types::{ByteRange, Digest};

use super::Status;
use crate::{Cx, Error};

/// How many chunks of a layer wait for being unpacked.
const PIPE: usize = 4;

/// A layer as the manifest names it, and its bytes if the repository has them.
pub(super) struct Layer {
    pub(super) digest: Digest,
    pub(super) row: Option<BlobRow>,
}

/// What an examination came to.
pub(super) struct Found {
    pub(super) findings: Vec<Finding>,
    pub(super) platform: String,
    pub(super) manager: &'static str,
}

/// Why there are no findings.
pub(super) enum Failure {
    /// It is how it is.
    Final { status: Status, description: String },
    /// It may be better later.
    Later(Error),
}

impl Failure {
    pub(super) fn failed(description: impl Into<String>) -> Self {
        Self::Final {
            status: Status::Failed,
            description: description.into(),
        }
    }

    pub(super) fn of(error: &ScanError) -> Self {
        let description = error.to_string();
        match error {
            ScanError::TooLarge { .. } => Self::Final {
                status: Status::ImageSizeExceeded,
                description,
            },
            ScanError::Limit { .. } => Self::Final {
                status: Status::LimitExceeded,
                description,
            },
            ScanError::Unsupported(_) => Self::Final {
                status: Status::UnsupportedImage,
                description: format!(
                    "UnsupportedImageError: The operating system and/or package manager are not supported: {description}"
                ),
            },
            ScanError::Database { source, .. } => Self::failed(format!("{description}: {source}")),
            _ => Self::failed(description),
        }
    }
}

/// Finds what is wrong with an image of these layers, from the lowest on.
pub(super) async fn examine(
    cx: &Cx,
    layers: Vec<Layer>,
    database: Arc<Database>,
) -> Result<Found, Failure> {
    let mut files = Files::new(Limits::default());
    for layer in layers {
        files = add(cx, files, layer).await?;
    }
    let matched = tokio::task::spawn_blocking(move || {
        let inventory = Inventory::read(&files)?;
        Ok::<_, ScanError>(Found {
            findings: database.findings(&inventory)?,
            manager: inventory.distribution.manager.as_str(),
            platform: inventory.distribution.platform,
        })
    });
    let matched = matched.await.map_err(|_panicked| panicked())?;
    matched.map_err(|e| Failure::of(&e))
}

/// Applies a layer.
async fn add(cx: &Cx, mut files: Files, layer: Layer) -> Result<Files, Failure> {
    let Layer { digest, row } = layer;
    let Some(row) = row else {
        let text = format!("layer {digest} is not in the repository");
        return Err(Failure::failed(text));
    };
    let broken = |e: StoreError| match e {
        StoreError::Damaged | StoreError::Gone => {
            Failure::failed(format!("layer {digest} is damaged"))
        }
        e => Failure::Later(e.into()),
    };
    let whole = row
        .size
        .checked_sub(1)
        .map(|last| Segment::Range(ByteRange { first: 0, last }));
    let reader = cx.store.read_blob(&row, whole.into_iter().collect()).await;
    let mut reader = reader.map_err(broken)?;
    let (sender, receiver) = mpsc::channel(PIPE);
    let unpacking = tokio::task::spawn_blocking(move || {
        let added = files.add_layer(Pipe {
            receiver,
            chunk: Bytes::new(),
        });
        (files, added)
    });
    while let Some(chunk) = reader.next().await {
        let chunk = chunk.map_err(broken)?;
        // Whoever unpacks may have seen enough: the end of the archive, or an error.
        if sender.send(chunk).await.is_err() {
            break;
        }
    }
    drop(sender);
    let (files, added) = unpacking.await.map_err(|_panicked| panicked())?;
    match added {
        Ok(()) => Ok(files),
        Err(e) => Err(match Failure::of(&e) {
            Failure::Final {
                status,
                description,
            } => Failure::Final {
                status,
                description: format!("layer {digest}: {description}"),
            },
            later @ Failure::Later(_) => later,
        }),
    }
}

fn panicked() -> Failure {
    Failure::failed("the scan ended unexpectedly")
}

/// The bytes of a layer on the thread that unpacks them.
struct Pipe {
    receiver: mpsc::Receiver<Bytes>,
    chunk: Bytes,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let n = self.chunk.len().min(buffer.len());
        self.chunk
            .copy_to_slice(buffer.get_mut(..n).unwrap_or_default());
        Ok(n)
    }
}
