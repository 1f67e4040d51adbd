//! The two kinds of store: a local directory and S3.
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt as _, stream::BoxStream};
use object_store::{
    ClientOptions, ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig, aws::AmazonS3Builder,
    local::LocalFileSystem, multipart::MultipartStore, prefix::PrefixStore, signer::Signer,
};
use wharf_types::{Timestamp, UploadId};

use super::key;
use crate::{Error, S3Settings};

/// How often a failed request is sent again, and for how long: the client of ours waits meanwhile.
const RETRIES: usize = 3;
const RETRY_FOR: Duration = Duration::from_secs(10);

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);

/// What is an open store and how bytes get into it.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    /// Listing, deleting and small objects go through this interface for both kinds.
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) kind: Kind,
    /// What makes URLs by which anyone can read, if the store can.
    pub(super) signer: Option<Arc<dyn Signer>>,
}

#[derive(Clone)]
pub(super) enum Kind {
    /// Uploads and reads open the files themselves: see ARCHITECTURE.md for the measurements.
    Local(Arc<Path>),
    S3(Arc<dyn MultipartStore>),
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local(root) => write!(f, "Local({})", root.display()),
            Self::S3(_) => f.write_str("S3"),
        }
    }
}

impl Backend {
    /// Opens a local directory, which gets its 256 folders now: a folder made during an upload
    /// would need an fsync of its own.
    pub(super) fn local(root: &Path) -> Result<Self, Error> {
        for fan in 0..=0xff_u8 {
            std::fs::create_dir_all(root.join(format!("{fan:02x}")))?;
        }
        sync_dir(root)?;
        let objects = LocalFileSystem::new_with_prefix(root)?.with_fsync(true);
        Ok(Self {
            objects: Arc::new(objects),
            kind: Kind::Local(root.into()),
            signer: None,
        })
    }

    /// Opens a bucket.
    pub(super) fn s3(settings: &S3Settings) -> Result<Self, Error> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_client_options(client_options(settings))
            .with_retry(RetryConfig {
                max_retries: RETRIES,
                retry_timeout: RETRY_FOR,
                ..RetryConfig::default()
            })
            .with_access_key_id(&settings.access_key_id)
            .with_secret_access_key(&settings.secret_access_key);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let store = PrefixStore::new(builder.build()?, settings.prefix.as_str());
        let store = Arc::new(store);
        Ok(Self {
            objects: Arc::clone(&store) as Arc<dyn ObjectStore>,
            kind: Kind::S3(Arc::clone(&store) as Arc<dyn MultipartStore>),
            signer: Some(store),
        })
    }

    /// The marker's text. `None` if the store is new.
    pub(super) async fn marker(&self) -> Result<Option<String>, Error> {
        match self.objects.get(&key::MARKER.into()).await {
            Ok(found) => {
                let text = String::from_utf8_lossy(&found.bytes().await?)
                    .trim()
                    .to_owned();
                Ok((!text.is_empty()).then_some(text))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    pub(super) async fn set_marker(&self, id: &str) -> Result<(), Error> {
        self.objects
            .put(
                &key::MARKER.into(),
                PutPayload::from(id.to_owned().into_bytes()),
            )
            .await?;
        Ok(())
    }

    /// Deletes bytes; it is no error if they are gone already.
    pub(super) async fn delete(&self, key: &UploadId) -> Result<(), Error> {
        match self.objects.delete(&key::object(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Every blob in the store with its age and size, and the names of things that are none.
    pub(super) fn list(&self) -> BoxStream<'static, Result<Stored, Error>> {
        let entries = self.objects.list(None).filter_map(|entry| async move {
            match entry {
                Ok(meta) if meta.location.as_ref() == key::MARKER => None,
                Ok(meta) => Some(Ok(Stored {
                    key: key::parse(&meta.location),
                    name: meta.location.to_string(),
                    size: meta.size,
                    modified: Timestamp::from_ms(meta.last_modified.timestamp_millis()),
                })),
                Err(object_store::Error::NotFound { .. }) => None,
                Err(e) => Some(Err(e.into())),
            }
        });
        entries.boxed()
    }
}

/// A whole object may take any time, as slow as its client is; silence may not.
fn client_options(settings: &S3Settings) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(settings.allow_http)
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT)
        .with_read_timeout(SILENCE)
}

/// Something that lies in the store.
#[derive(Debug)]
pub(crate) struct Stored {
    /// `None` if it is not a blob of ours.
    pub(crate) key: Option<UploadId>,
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) modified: Timestamp,
}

/// The file of a blob in a local store.
pub(super) fn file(root: &Path, key: &UploadId) -> PathBuf {
    root.join(key::relative(key))
}

/// Opens without following a symbolic link that someone planted.
pub(super) fn open_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(no_follow()).mode(0o600);
    options
}

fn no_follow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0)
}

/// Makes renames and new names in a directory survive a power cut.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
