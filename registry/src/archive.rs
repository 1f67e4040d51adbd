//! The archive storage class: images that are listed but cannot be pulled.
//!
//! *Guarantees*: an index that can be pulled never names an archived child. So a child is archived
//! after the indexes that name it, comes back with them, and a new index cannot name an archived one.
//!
//! Nothing is moved, so an image that is restored is back at once: the answer says `ACTIVATING`, as
//! ECR's does, and whoever looks next finds it `ACTIVE`.
use wharf_storage::{ImageStatus, Repository, Write};
use wharf_types::{Digest, Timestamp};

use crate::Error;

/// How many indexes an error names.
const NAMED: usize = 10;

/// Where an image is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageClass {
    Standard,
    Archive,
}

impl StorageClass {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Archive => "ARCHIVE",
        }
    }
}

impl std::str::FromStr for StorageClass {
    type Err = std::fmt::Error;

    fn from_str(s: &str) -> Result<Self, std::fmt::Error> {
        [Self::Standard, Self::Archive]
            .into_iter()
            .find(|class| class.as_str() == s)
            .ok_or(std::fmt::Error)
    }
}

/// Moves an image to a storage class; the status that the caller is told.
pub fn transition(
    tx: &Write<'_>,
    repository: &Repository,
    digest: &Digest,
    to: StorageClass,
    now: Timestamp,
) -> Result<ImageStatus, Error> {
    let image = tx
        .image(repository.id, digest)?
        .ok_or(Error::ManifestUnknown)?;
    match (to, image.status) {
        (StorageClass::Archive, ImageStatus::Archived)
        | (StorageClass::Standard, ImageStatus::Active | ImageStatus::Activating) => {
            Err(Error::StorageClassUnsupported {
                digest: digest.clone(),
                reason: format!("the image is in the storage class {} already", to.as_str()),
            })
        }
        (StorageClass::Archive, _) => archive(tx, repository, digest, now),
        (StorageClass::Standard, ImageStatus::Archived) => {
            restore(tx, repository, digest, now)?;
            Ok(ImageStatus::Activating)
        }
    }
}

fn archive(
    tx: &Write<'_>,
    repository: &Repository,
    digest: &Digest,
    now: Timestamp,
) -> Result<ImageStatus, Error> {
    let by = tx.active_parents(repository.id, digest, NAMED)?;
    if !by.is_empty() {
        return Err(Error::StorageClassUnsupported {
            digest: digest.clone(),
            reason: format!("it is referenced by manifest list: {by:?}"),
        });
    }
    tx.set_image_status(repository.id, digest, ImageStatus::Archived, now)?;
    Ok(ImageStatus::Archived)
}

/// Brings an image back, and with an index its children, however deep.
pub fn restore(
    tx: &Write<'_>,
    repository: &Repository,
    digest: &Digest,
    now: Timestamp,
) -> Result<(), Error> {
    let mut waiting = vec![digest.clone()];
    while let Some(image) = waiting.pop() {
        // From here on it is active, so that this ends even if images name each other.
        tx.set_image_status(repository.id, &image, ImageStatus::Active, now)?;
        waiting.extend(tx.archived_children(repository.id, &image)?);
    }
    Ok(())
}
