//! Tells how the images of repositories are scanned.
use serde::{Deserialize, Serialize};
use wharf_registry::{
    Error,
    scanning::{self, Applied, Frequency},
};
use wharf_types::{Arn, RepoName};

use super::scanning::RepositoryFilter;
use crate::{Cx, Exception, check, operation::Operation};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchGetRepositoryScanningConfiguration {
    repository_names: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Output {
    scanning_configurations: Vec<Scanning>,
    failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Scanning {
    repository_arn: String,
    repository_name: String,
    scan_on_push: bool,
    scan_frequency: Frequency,
    applied_scan_filters: Vec<RepositoryFilter>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    repository_name: String,
    failure_code: &'static str,
    failure_reason: String,
}

impl Operation for BatchGetRepositoryScanningConfiguration {
    const NAME: &'static str = "BatchGetRepositoryScanningConfiguration";
    type Output = Output;

    async fn run(self, cx: Cx) -> Result<Output, Exception> {
        let names = check::list("repositoryNames", self.repository_names, 1, 25)?;
        let names = names
            .into_iter()
            .map(|name| check::repository_name(Some(name)))
            .collect::<Result<Vec<RepoName>, _>>()?;
        let registry = cx.registry.clone();
        let described = cx.domain.store.meta().read(move |tx| {
            let configuration = scanning::configuration(tx, &registry)?;
            let mut output = Output {
                scanning_configurations: Vec::new(),
                failures: Vec::new(),
            };
            for name in names {
                let Some(repository) = tx.repository(&registry, &name)? else {
                    let registry = registry.clone();
                    let name_text = name.to_string();
                    output.failures.push(Failure {
                        repository_name: name_text,
                        failure_code: "REPOSITORY_NOT_FOUND",
                        failure_reason: Error::RepositoryNotFound { registry, name }.to_string(),
                    });
                    continue;
                };
                let Applied {
                    frequency, filters, ..
                } = configuration.applied(&repository);
                output.scanning_configurations.push(Scanning {
                    repository_arn: Arn::repository(&registry, &name).to_string(),
                    repository_name: name.to_string(),
                    scan_on_push: frequency >= Frequency::ScanOnPush,
                    scan_frequency: frequency,
                    applied_scan_filters: RepositoryFilter::all(&filters),
                });
            }
            Ok::<_, Error>(output)
        });
        Ok(described.await?)
    }
}
