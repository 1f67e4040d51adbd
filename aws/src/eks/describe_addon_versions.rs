//! The add-ons that there are, and their versions.
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_eks::{
    addons::{
        self,
        catalogue::{ADDONS, CatalogueAddon, Release},
    },
    checks, versions,
};

use super::model::{self, Answer};
use crate::{Cx, Exception, operation::Operation, page::Pages};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeAddonVersions {
    addon_name: Option<String>,
    kubernetes_version: Option<String>,
    types: Option<Vec<String>>,
    publishers: Option<Vec<String>>,
    owners: Option<Vec<String>>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

impl Operation for DescribeAddonVersions {
    const NAME: &'static str = "DescribeAddonVersions";
    type Output = Answer;

    async fn run(self, cx: Cx) -> Result<Answer, Exception> {
        let max = checks::max_results(self.max_results)?;
        if let Some(name) = &self.addon_name {
            addons::known(name)?;
        }
        let minor = match &self.kubernetes_version {
            None => None,
            Some(name) => Some(versions::of_new(Some(name))?.minor),
        };
        let pages = Pages {
            cx: &cx,
            scope: "DescribeAddonVersions".into(),
        };
        let after = pages.after(self.next_token.as_deref())?;
        let wanted = |addon: &&CatalogueAddon| {
            let named = self
                .addon_name
                .as_ref()
                .is_none_or(|name| name == addon.name);
            named
                && addon.name > after.as_str()
                && has(self.types.as_deref(), addon.kind)
                && has(self.publishers.as_deref(), addon.publisher)
                && has(self.owners.as_deref(), addon.owner)
        };
        let found: Vec<&CatalogueAddon> = ADDONS.iter().filter(wanted).collect();
        let name = |addon: &&CatalogueAddon| addon.name.to_owned();
        let show = |addon: &&CatalogueAddon| info(addon, minor);
        Ok(model::shown_page(&pages, found, max, name, "addons", show))
    }
}

/// Whether a list has a text; no list has all.
fn has(list: Option<&[String]>, text: &str) -> bool {
    let list = list.filter(|list| !list.is_empty());
    list.is_none_or(|list| list.iter().any(|known| known == text))
}

fn info(addon: &CatalogueAddon, minor: Option<u32>) -> Value {
    let releases = addon.releases.iter();
    let releases = releases.filter(|release| minor.is_none_or(|minor| release.fits(minor)));
    json!({
        "addonName": addon.name,
        "type": addon.kind,
        "publisher": addon.publisher,
        "owner": addon.owner,
        "defaultNamespace": addon.namespace,
        "addonVersions": releases.map(|release| version(addon, release, minor)).collect::<Vec<_>>(),
    })
}

fn version(addon: &CatalogueAddon, release: &Release, minor: Option<u32>) -> Value {
    let minors = CatalogueAddon::minors(release);
    let minors = minors.filter(|found| minor.is_none_or(|minor| minor == *found));
    let compatibilities = minors.map(|minor| {
        json!({
            "clusterVersion": format!("1.{minor}"),
            "platformVersions": ["*"],
            "defaultVersion": release.is_default(minor),
        })
    });
    json!({
        "addonVersion": release.version,
        "architecture": ["amd64", "arm64"],
        "computeTypes": addon.compute_types,
        "compatibilities": compatibilities.collect::<Vec<_>>(),
        "requiresConfiguration": false,
        "requiresIamPermissions": addon.requires_iam,
    })
}
