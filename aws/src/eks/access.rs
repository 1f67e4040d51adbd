//! What a call of EKS does in the words of policies: `eks:<Operation>` on a cluster, or on what is in
//! one.
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use wharf_eks::{Place, arn, resources};
use wharf_registry::policies::{self, Act, Target, Wish};

use crate::{
    Cx, Exception,
    operation::{self, Entry},
};

/// What of a request says what it is about.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
struct Members(BTreeMap<String, Value>);

/// Demands that the caller may do what a call does.
pub(crate) async fn admit(cx: Cx, entry: &Entry, body: &Bytes) -> Result<Cx, Exception> {
    if !cx.domain.auth.is_strict() {
        return Ok(cx);
    }
    let members = if body.is_empty() {
        Members::default()
    } else {
        operation::parse(body.clone()).await?
    };
    let (arn, tags) = resource(&cx, entry.name, &members).await?;
    let target = Target::Resource {
        service: "eks",
        arn,
        tags,
    };
    let wish = Wish {
        acts: vec![Act::of(target, format!("eks:{}", entry.name))],
        origin: cx.origin,
        tags: members.tags(),
    };
    policies::require(&cx.domain, &cx.caller(), wish).await?;
    Ok(cx)
}

/// The resource of a call, and its tags.
async fn resource(
    cx: &Cx,
    operation: &str,
    members: &Members,
) -> Result<(String, BTreeMap<String, String>), Exception> {
    let text = |name| members.text(name);
    let registry = cx.registry.clone();
    // What is made, and what is in a list, is not there yet: the cluster is what it is about.
    let of_cluster = ["Create", "List"]
        .iter()
        .any(|verb| operation.starts_with(verb));
    let kind = resources::KINDS
        .iter()
        .filter(|_| !of_cluster)
        .find_map(|kind| Some((*kind, text(kind.member)?.to_owned())));
    let cluster = text("clusterName").or_else(|| text("name"));
    let cluster = cluster.filter(|name| !name.contains(['/', '*', '?']));
    let cluster = cluster.map(ToOwned::to_owned);
    let given = text("resourceArn").map(ToOwned::to_owned);
    let lists = operation == "ListClusters";
    let found = cx.eks.store.meta().read(move |tx| {
        let found = match (given, cluster, kind) {
            (Some(given), ..) => given,
            (None, Some(cluster), Some((kind, name))) => {
                let at = Place::of_cluster(&registry, &cluster);
                let found = (kind.arn)(tx, &at, &name)?;
                let some = || arn(&registry, &format!("{}/{cluster}/{name}/*", kind.prefix));
                found.unwrap_or_else(some)
            }
            (None, Some(cluster), None) => arn(&registry, &format!("cluster/{cluster}")),
            (None, None, _) if lists => arn(&registry, "cluster/*"),
            (None, None, _) => "*".to_owned(),
        };
        let tags = tx.resource_tags(&found)?;
        Ok::<_, wharf_eks::Error>((found, tags))
    });
    Ok(found.await?)
}

impl Members {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// The tags that the call sets or takes away.
    fn tags(&self) -> BTreeMap<String, Option<String>> {
        let set = self.0.get("tags").and_then(Value::as_object);
        let set = set.into_iter().flatten();
        let set = set.map(|(key, value)| (key.clone(), value.as_str().map(ToOwned::to_owned)));
        let gone = self.0.get("tagKeys").and_then(Value::as_array);
        let gone = gone.into_iter().flatten().filter_map(Value::as_str);
        set.chain(gone.map(|key| (key.to_owned(), None))).collect()
    }
}
