//! Tags of AWS resources.
use std::collections::BTreeMap;

use super::{Read, Write};
use crate::Error;

impl Read<'_> {
    /// The tags of a resource.
    pub fn resource_tags(&self, arn: &str) -> Result<BTreeMap<String, String>, Error> {
        let mut stmt = self
            .0
            .prepare_cached("SELECT key, value FROM resource_tag WHERE arn = ?1 ORDER BY key")?;
        let rows = stmt.query_map([arn], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Write<'_> {
    /// Sets a tag of a resource.
    pub fn tag_resource(&self, arn: &str, key: &str, value: &str) -> Result<(), Error> {
        let mut stmt = self.0.0.prepare_cached(
            "INSERT INTO resource_tag (arn, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (arn, key) DO UPDATE SET value = excluded.value",
        )?;
        stmt.execute([arn, key, value])?;
        Ok(())
    }

    /// Removes a tag of a resource, if it is there.
    pub fn untag_resource(&self, arn: &str, key: &str) -> Result<(), Error> {
        let mut stmt = self
            .0
            .0
            .prepare_cached("DELETE FROM resource_tag WHERE arn = ?1 AND key = ?2")?;
        stmt.execute([arn, key])?;
        Ok(())
    }

    /// Removes every tag of a resource.
    pub fn forget_resource(&self, arn: &str) -> Result<(), Error> {
        let mut stmt = self
            .0
            .0
            .prepare_cached("DELETE FROM resource_tag WHERE arn = ?1")?;
        stmt.execute([arn])?;
        Ok(())
    }
}
