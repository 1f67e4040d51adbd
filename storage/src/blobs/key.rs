//! Where bytes lie: the only place that spells a path of the store.
use object_store::path::Path as ObjectPath;
use wharf_types::UploadId;

/// The object that ties a store to its database.
pub(crate) const MARKER: &str = "wharf-store";

/// `ab/<id>`: 256 folders, so that none grows too large.
pub(super) fn relative(key: &UploadId) -> String {
    let id = key.as_str();
    let fan = id.get(..2).unwrap_or("00");
    format!("{fan}/{id}")
}

/// The path of a blob in an object store.
pub(super) fn object(key: &UploadId) -> ObjectPath {
    ObjectPath::from(relative(key))
}

/// The key that a path belongs to, if it is a blob's.
pub(super) fn parse(path: &ObjectPath) -> Option<UploadId> {
    let key: UploadId = path.filename()?.parse().ok()?;
    (object(&key) == *path).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_key_and_back() {
        let key: UploadId = "ab000000-0000-4000-8000-000000000001".parse().unwrap();
        assert_eq!(
            object(&key).as_ref(),
            "ab/ab000000-0000-4000-8000-000000000001"
        );
        assert_eq!(parse(&object(&key)), Some(key));
        for other in [
            "wharf-store",
            "ab/x",
            "cd/ab000000-0000-4000-8000-000000000001",
        ] {
            assert_eq!(parse(&ObjectPath::from(other)), None);
        }
    }
}
