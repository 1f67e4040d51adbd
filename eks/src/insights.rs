//! Insights: what keeps a cluster from its next version, as far as this server knows it.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_storage::{Document, Read, Write};
use wharf_types::{Digest, Registry, Timestamp};

use crate::{
    Cx, Error, Phase, Place,
    addons::{Addon, catalogue},
    clusters::{self, Cluster},
    parts,
    shape::{enums, shapes},
    versions,
};

enums! {
    Category {
        Upgrade = "UPGRADE_READINESS",
        Misconfiguration = "MISCONFIGURATION",
        Rollback = "ROLLBACK_READINESS",
    }
    Verdict {
        Passing = "PASSING",
        Warning = "WARNING",
        Error = "ERROR",
        Unknown = "UNKNOWN",
    }
}

shapes! {
    /// `filter` of `ListInsights`.
    Filter {
        categories: Vec<Category>,
        kubernetes_versions: Vec<String>,
        statuses: Vec<Verdict>,
    }
}

/// An insight, made anew whenever somebody asks.
#[derive(Clone, Debug)]
pub struct Insight {
    pub id: String,
    pub name: String,
    pub category: Category,
    /// The version that it is about, if it is about one.
    pub version: Option<String>,
    pub refreshed: Timestamp,
    pub changed: Timestamp,
    pub description: String,
    pub verdict: Verdict,
    pub reason: String,
    pub recommendation: String,
    pub links: BTreeMap<&'static str, &'static str>,
    /// What it looked at: ARNs, each with a verdict.
    pub resources: Vec<(String, Verdict, String)>,
    /// Names of add-ons, and their releases for the next version.
    pub compatible: Vec<(String, Vec<&'static str>)>,
}

/// The last refresh that somebody asked for: a document named by its cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refresh {
    pub started_ms: i64,
}

impl Document for Refresh {
    const KIND: &'static str = "eks-insights-refresh";
}

const GUIDE: (&str, &str) = (
    "EKS update cluster documentation",
    "https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html",
);

/// What is looked at.
struct Seen<'a> {
    at: &'a Place,
    cluster: &'a Cluster,
    addons: &'a [Addon],
    refreshed: Timestamp,
}

impl Seen<'_> {
    /// An insight with nothing to say.
    fn passing(&self, name: &str, category: Category, version: Option<&str>) -> Insight {
        let text = format!("{}/{name}", self.cluster.uid);
        Insight {
            id: uuid_of(&text),
            name: name.to_owned(),
            category,
            version: version.map(str::to_owned),
            refreshed: self.refreshed,
            changed: Timestamp::from_ms(self.cluster.created_ms),
            description: String::new(),
            verdict: Verdict::Passing,
            reason: String::new(),
            recommendation: String::new(),
            links: BTreeMap::from([GUIDE]),
            resources: Vec::new(),
            compatible: Vec::new(),
        }
    }

    fn upgrade(&self, next: &versions::Version) -> Vec<Insight> {
        let version = Some(next.name);
        let deprecated = format!("Deprecated APIs removed in Kubernetes v{}", next.name);
        let apis = Insight {
            description: "Checks for usage of deprecated APIs that are scheduled for removal in the next version.".into(),
            reason: "No deprecated API usage detected: this server has no API that the next version removes.".into(),
            recommendation: "Update manifests and API clients to use newer Kubernetes APIs if applicable before upgrading.".into(),
            ..self.passing(&deprecated, Category::Upgrade, version)
        };
        let healthy = self.cluster.life.phase == Phase::Active;
        let health = Insight {
            description: "Checks for any cluster health issues that prevent successful upgrade."
                .into(),
            verdict: if healthy {
                Verdict::Passing
            } else {
                Verdict::Warning
            },
            reason: if healthy {
                "No cluster health issues detected.".into()
            } else {
                format!("The cluster is in status {}.", self.cluster.status())
            },
            recommendation: "Resolve the health issues before upgrading.".into(),
            ..self.passing("Cluster health issues", Category::Upgrade, version)
        };
        vec![apis, health, self.compatibility(next), self.proxy(next)]
    }

    /// Whether there are releases of the add-ons for the next version.
    fn compatibility(&self, next: &versions::Version) -> Insight {
        let mut insight = Insight {
            description: "Checks that installed EKS add-ons have versions that are compatible with the next Kubernetes version.".into(),
            reason: "All installed EKS add-on versions are compatible with the next Kubernetes version.".into(),
            recommendation: "Upgrade the add-ons to versions that are compatible with the next Kubernetes version.".into(),
            ..self.passing("Amazon EKS add-on version compatibility", Category::Upgrade, Some(next.name))
        };
        for addon in self.addons {
            let Some(known) = catalogue::find(&addon.name) else {
                continue;
            };
            let fitting = known
                .releases
                .iter()
                .filter(|release| release.fits(next.minor));
            let fitting: Vec<_> = fitting.map(|release| release.version).collect();
            let version = addon.settings.version.as_str();
            let arn = parts::Part::arn(addon, &self.at.registry, &self.cluster.name);
            if fitting.contains(&version) {
                insight
                    .resources
                    .push((arn, Verdict::Passing, String::new()));
            } else {
                let why = format!("{version} is not compatible with Kubernetes {}.", next.name);
                insight.resources.push((arn, Verdict::Error, why));
                insight.verdict = Verdict::Error;
                insight.reason = "Installed EKS add-on versions are not compatible with the next Kubernetes version.".into();
            }
            insight.compatible.push((addon.name.clone(), fitting));
        }
        insight
    }

    /// Whether kube-proxy will be at most three minor versions older than the API server.
    fn proxy(&self, next: &versions::Version) -> Insight {
        let base = Insight {
            description: "Checks version of kube-proxy in cluster to see if upgrade would cause non compliance with supported Kubernetes kube-proxy version skew policy.".into(),
            recommendation: "Upgrade kube-proxy before upgrading the cluster.".into(),
            ..self.passing("kube-proxy version skew", Category::Upgrade, Some(next.name))
        };
        let proxy = self.addons.iter().find(|addon| addon.name == "kube-proxy");
        let Some(proxy) = proxy else {
            return Insight {
                reason: "kube-proxy is not installed as an EKS add-on.".into(),
                ..base
            };
        };
        let minor = proxy.settings.version.split('.').nth(1);
        let minor: u32 = minor.and_then(|text| text.parse().ok()).unwrap_or_default();
        let near = minor + 3 >= next.minor;
        let found = &proxy.settings.version;
        Insight {
            verdict: if near {
                Verdict::Passing
            } else {
                Verdict::Error
            },
            reason: if near {
                format!("kube-proxy versions match the cluster control plane version: {found}.")
            } else {
                format!(
                    "kube-proxy {found} is more than three minor versions behind {}.",
                    next.name
                )
            },
            ..base
        }
    }

    /// Configuration insights are about hybrid nodes.
    fn hybrid(&self) -> Vec<Insight> {
        let Some(remote) = &self.cluster.remote_network else {
            return Vec::new();
        };
        let nodes = remote.remote_node_networks.as_deref().unwrap_or_default();
        let pods = remote.remote_pod_networks.as_deref().unwrap_or_default();
        let cidrs = |networks: &[clusters::config::RemoteNetwork]| -> usize {
            networks
                .iter()
                .filter_map(|network| network.cidrs.as_ref())
                .map(Vec::len)
                .sum()
        };
        let complete = cidrs(nodes) > 0 && cidrs(pods) > 0;
        vec![Insight {
            description:
                "Checks that the remote networks of hybrid nodes and their pods are configured."
                    .into(),
            verdict: if complete {
                Verdict::Passing
            } else {
                Verdict::Warning
            },
            reason: if complete {
                "Remote node networks and remote pod networks are configured.".into()
            } else {
                "Without remote pod networks the control plane cannot reach webhooks on hybrid nodes.".into()
            },
            recommendation: "Configure remote node networks and remote pod networks.".into(),
            links: BTreeMap::from([(
                "Hybrid nodes networking documentation",
                "https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-networking.html",
            )]),
            ..self.passing(
                "Hybrid nodes remote networks",
                Category::Misconfiguration,
                None,
            )
        }]
    }
}

/// An id that is always the same for the same text.
fn uuid_of(text: &str) -> String {
    let digest = Digest::sha256(text.as_bytes()).to_string();
    let hex: String = digest.chars().skip("sha256:".len()).take(32).collect();
    let mut id = String::new();
    for (i, c) in hex.chars().enumerate() {
        if matches!(i, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(c);
    }
    id
}

fn generate(seen: &Seen<'_>) -> Vec<Insight> {
    let minor = versions::find(&seen.cluster.version).map(|version| version.minor + 1);
    let next = versions::VERSIONS
        .iter()
        .find(|version| Some(version.minor) == minor);
    let mut insights = next.map(|next| seen.upgrade(next)).unwrap_or_default();
    insights.extend(seen.hybrid());
    insights.sort_by(|a, b| a.id.cmp(&b.id));
    insights
}

fn of_cluster(cx: &Cx, tx: &Read<'_>, at: &Place) -> Result<Vec<Insight>, Error> {
    let cluster = clusters::find(tx, &at.registry, &at.name)?.body;
    let addons = parts::list::<Addon>(tx, &at.registry, &at.name, "", parts::MANY)?;
    let addons: Vec<Addon> = addons.into_iter().map(|stored| stored.body).collect();
    let refresh = tx.document::<Refresh>(&at.owner(), &at.name)?;
    let ended = refresh.and_then(|refresh| end(cx, &refresh.body));
    let seen = Seen {
        at,
        cluster: &cluster,
        addons: &addons,
        refreshed: ended.unwrap_or(Timestamp::from_ms(cluster.created_ms)),
    };
    Ok(generate(&seen))
}

/// When a refresh ended, if it has.
pub fn end(cx: &Cx, refresh: &Refresh) -> Option<Timestamp> {
    let end = Timestamp::from_ms(refresh.started_ms) + cx.settings.transition;
    (end <= cx.now()).then_some(end)
}

/// Finds an insight.
pub async fn get(
    cx: &Cx,
    registry: &Registry,
    cluster: String,
    id: String,
) -> Result<Insight, Error> {
    let (own, at) = (cx.clone(), Place::of_cluster(registry, &cluster));
    let meta = cx.store.meta();
    let all = meta.read(move |tx| of_cluster(&own, tx, &at)).await?;
    let found = all.into_iter().find(|insight| insight.id == id);
    found.ok_or_else(|| {
        Error::not_found(format!("No insight found with ID: {id}")).cluster(&cluster)
    })
}

/// The insights of a cluster that a filter lets through, after an id.
pub async fn list(
    cx: &Cx,
    registry: &Registry,
    cluster: &str,
    filter: Filter,
    after: String,
) -> Result<Vec<Insight>, Error> {
    let (own, at) = (cx.clone(), Place::of_cluster(registry, cluster));
    let meta = cx.store.meta();
    let mut all = meta.read(move |tx| of_cluster(&own, tx, &at)).await?;
    all.retain(|insight| {
        let version = insight.version.as_ref();
        insight.id > after
            && lets(filter.categories.as_deref(), Some(&insight.category))
            && lets(filter.kubernetes_versions.as_deref(), version)
            && lets(filter.statuses.as_deref(), Some(&insight.verdict))
    });
    Ok(all)
}

/// Whether a list has a value; an empty one has all.
fn lets<T: PartialEq>(list: Option<&[T]>, value: Option<&T>) -> bool {
    let list = list.filter(|list| !list.is_empty());
    list.is_none_or(|list| value.is_some_and(|value| list.contains(value)))
}

/// Begins a refresh.
pub async fn refresh(cx: &Cx, registry: &Registry, cluster: &str) -> Result<(), Error> {
    let (at, now) = (Place::of_cluster(registry, cluster), cx.now());
    let own = cx.clone();
    let begun = cx.store.meta().write(move |tx| {
        clusters::find(tx, &at.registry, &at.name)?
            .body
            .require_active()?;
        let running = tx.document::<Refresh>(&at.owner(), &at.name)?;
        if running.is_some_and(|running| end(&own, &running.body).is_none()) {
            let text = "An insights refresh is already in progress for this cluster.";
            return Err(Error::invalid_request(text).cluster(&at.name));
        }
        let refresh = Refresh {
            started_ms: now.as_ms(),
        };
        Ok(tx.put_document(&at.owner(), &at.name, &refresh, now)?)
    });
    begun.await
}

/// Forgets the refresh of a cluster that is gone.
pub(crate) fn forget(tx: &Write<'_>, at: &Place) -> Result<(), Error> {
    tx.delete_document::<Refresh>(&at.owner(), at.cluster())?;
    Ok(())
}

/// The last refresh that somebody asked for.
pub async fn last_refresh(cx: &Cx, registry: &Registry, cluster: &str) -> Result<Refresh, Error> {
    let at = Place::of_cluster(registry, cluster);
    let found = cx.store.meta().read(move |tx| {
        clusters::find(tx, &at.registry, &at.name)?;
        let found = tx.document::<Refresh>(&at.owner(), &at.name)?;
        let text = format!("No insights refresh found for cluster: {}", at.name);
        let missing = || Error::not_found(text).cluster(&at.name);
        Ok(found.ok_or_else(missing)?.body)
    });
    found.await
}
