//! Lists and their pages.
use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use wharf_types::{Digest, RepoName, media};

use crate::{
    client::{Answer, Stop, Verdict},
    cx::{Cx, referrers_path, tags_path},
};

/// The most pages that are read of one list.
const MAX_PAGES: usize = 200;

#[derive(Debug, Deserialize)]
pub(crate) struct TagList {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) tags: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Catalog {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) repositories: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Referrers {
    schema_version: u64,
    media_type: String,
    pub(crate) manifests: Vec<Referrer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Referrer {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: usize,
    #[serde(default)]
    pub(crate) artifact_type: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// Some registries write an empty list as null.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Option::deserialize(d).map(Option::unwrap_or_default)
}

/// Reads one page of tags.
pub(crate) fn tags_of(answer: &Answer) -> Result<Vec<String>, Stop> {
    let list: TagList = answer.expect(200)?.json()?;
    Ok(list.tags)
}

/// Reads one page of referrers, which must be an image index.
pub(crate) fn referrers_of(answer: &Answer) -> Result<Vec<Referrer>, Stop> {
    let list: Referrers = answer.expect(200)?.expect_type(media::OCI_INDEX)?.json()?;
    if list.schema_version != 2 || list.media_type != media::OCI_INDEX {
        return Err(answer.fail("the list is no image index (schemaVersion, mediaType)"));
    }
    Ok(list.manifests)
}

impl Cx<'_> {
    /// Every page from this one on: each answer is handed over, the next found by `Link`.
    pub(crate) async fn pages(
        &self,
        first: Answer,
        mut read: impl FnMut(&Answer) -> Verdict + Send,
    ) -> Verdict {
        let mut page = first;
        for _ in 0..MAX_PAGES {
            read(&page)?;
            let Some(next) = page.next_page()? else {
                return Ok(());
            };
            page = self.get(&next).send().await?;
        }
        Err(page.fail(format!("the list does not end after {MAX_PAGES} pages")))
    }

    /// Every tag of a repository; none if there is no such repository.
    pub(crate) async fn all_tags(&self, repo: &RepoName) -> Result<Vec<String>, Stop> {
        let first = self.get(&tags_path(repo)).send().await?;
        if first.status == 404 {
            return Ok(Vec::new());
        }
        let mut tags = Vec::new();
        self.pages(first, |page| {
            tags.extend(tags_of(page)?);
            Ok(())
        })
        .await?;
        Ok(tags)
    }

    /// Every referrer of a subject.
    pub(crate) async fn all_referrers(&self, subject: &Digest) -> Result<Vec<Referrer>, Stop> {
        let first = self
            .get(&referrers_path(self.repo(), subject))
            .send()
            .await?;
        let mut referrers = Vec::new();
        self.pages(first, |page| {
            referrers.extend(referrers_of(page)?);
            Ok(())
        })
        .await?;
        Ok(referrers)
    }

    /// Deletes what is there, and looks that it is gone at once. A refusal is a skip.
    pub(crate) async fn gone(&self, path: &str) -> Verdict {
        let answer = self.delete(path).send().await?;
        if [400, 405].contains(&answer.status) {
            return Err(answer.skip("the registry does not delete this"));
        }
        // What went with something else is as good as deleted.
        answer.expect_any(&[202, 404])?;
        self.head(path)
            .header("accept", crate::manifests::ACCEPT)
            .send()
            .await?
            .expect(404)?;
        Ok(())
    }
}
