//! `wharf check`: compares everything that is stored with everything that is known.
use futures::StreamExt as _;
use wharf_types::Timestamp;

use crate::{BlobRow, BlobState, Error, Store, meta::Stray};

/// How many rows are read at once.
const PAGE: usize = 200;

/// The most missing references that are named.
const DANGLING: usize = 1000;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, in a sentence.
    pub text: String,
    /// What was done about it, if anything.
    pub repaired: Option<&'static str>,
}

impl Finding {
    const fn new(text: String, repaired: Option<&'static str>) -> Self {
        Self { text, repaired }
    }
}

impl Store {
    /// Verifies the database, every manifest, every blob, and that nothing lies around. With
    /// `repair`, damaged blobs are no longer served (pushing them again heals them), old bytes that
    /// nobody knows are removed, and a database from a backup may sweep again.
    pub async fn check(&self, repair: bool) -> Result<Vec<Finding>, Error> {
        let mut findings = Vec::new();
        let lines = self.meta().read(|tx| tx.integrity()).await?;
        for line in lines {
            findings.push(Finding::new(format!("database: {line}"), None));
        }
        self.check_manifests(&mut findings).await?;
        self.check_blobs(repair, &mut findings).await?;
        for (repository, manifest, missing) in self.meta().read(|tx| tx.dangling(DANGLING)).await? {
            let text =
                format!("{repository}: manifest {manifest} names {missing}, which is not there");
            findings.push(Finding::new(text, None));
        }
        self.check_documents(repair, &mut findings).await?;
        self.check_store(repair, &mut findings).await?;
        if repair {
            self.meta().write(|tx| tx.unset("from_backup")).await?;
        }
        Ok(findings)
    }

    async fn check_manifests(&self, findings: &mut Vec<Finding>) -> Result<(), Error> {
        let mut after = 0;
        loop {
            let page = self
                .meta()
                .read(move |tx| tx.all_manifests(after, PAGE))
                .await?;
            let Some((last, ..)) = page.last() else {
                return Ok(());
            };
            after = *last;
            for (_, digest, bytes) in page {
                if !digest.matches(&bytes) {
                    findings.push(Finding::new(
                        format!("manifest {digest} has other bytes"),
                        None,
                    ));
                }
            }
        }
    }

    async fn check_blobs(&self, repair: bool, findings: &mut Vec<Finding>) -> Result<(), Error> {
        let mut after = String::new();
        loop {
            let from = after.clone();
            let page = self
                .meta()
                .read(move |tx| tx.all_blobs(&from, PAGE))
                .await?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = last.key.to_string();
            for (row, state) in page {
                match state {
                    BlobState::Condemned => {}
                    BlobState::Damaged => self.check_damaged(&row, repair, findings).await?,
                    BlobState::Live if self.verify(&row).await? => {}
                    // Replaced or collected meanwhile.
                    BlobState::Live if !self.is_still(&row).await? => {}
                    BlobState::Live => {
                        if repair {
                            self.mark_damaged(&row.key).await;
                        }
                        let text = format!(
                            "blob {} is missing or has other bytes: push it again",
                            row.digest
                        );
                        findings.push(Finding::new(text, repair.then_some("no longer served")));
                    }
                }
            }
        }
    }

    /// Looks at a blob that was found damaged once: its disk may be back.
    async fn check_damaged(
        &self,
        row: &BlobRow,
        repair: bool,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Error> {
        let (digest, whole) = (&row.digest, self.verify(row).await?);
        let text = if whole {
            format!("blob {digest} was damaged and is whole again")
        } else {
            format!("blob {digest} is damaged: push it again")
        };
        let revive = whole && repair;
        if revive {
            let key = row.key.clone();
            self.meta().write(move |tx| tx.revive_blob(&key)).await?;
        }
        findings.push(Finding::new(text, revive.then_some("served again")));
        Ok(())
    }

    /// Looks for what is said of repositories and images that are not there.
    async fn check_documents(
        &self,
        repair: bool,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Error> {
        let strays = self.meta().read(|tx| tx.stray_documents(DANGLING)).await?;
        for stray in strays {
            let Stray {
                owner, kind, name, ..
            } = &stray;
            let what = format!("document {kind} {name:?} of {owner}");
            if !stray.is_readable {
                findings.push(Finding::new(format!("{what} cannot be read"), None));
                continue;
            }
            if repair {
                let stray = stray.clone();
                self.meta().write(move |tx| tx.delete_stray(&stray)).await?;
            }
            let text = format!("{what}, which is not there");
            findings.push(Finding::new(text, repair.then_some("removed")));
        }
        Ok(())
    }

    async fn check_store(&self, repair: bool, findings: &mut Vec<Finding>) -> Result<(), Error> {
        let young: Timestamp = self.now() - self.grace;
        let mut listed = self.blobs.list();
        while let Some(stored) = listed.next().await {
            let stored = stored?;
            let known = match stored.key.clone() {
                None => false,
                Some(key) => {
                    self.meta()
                        .read(move |tx| {
                            Ok::<_, Error>(tx.key_exists(&key)? || tx.upload_exists(&key)?)
                        })
                        .await?
                }
            };
            // Younger bytes may belong to an upload that is just being noted.
            if known || stored.modified >= young {
                continue;
            }
            let Some(key) = stored.key else {
                let text = format!("store: {} is not of wharf's making", stored.name);
                findings.push(Finding::new(text, None));
                continue;
            };
            if repair {
                self.blobs.delete(&key).await?;
            }
            let text = format!("store: {key} ({} bytes) belongs to nobody", stored.size);
            findings.push(Finding::new(text, repair.then_some("removed")));
        }
        Ok(())
    }
}
