//! The objects that add-ons bring into a cluster, and take away again.
//!
//! Only what this server acts by has some: the driver of EBS works while its `CSIDriver` is there.
use serde_json::{Value, json};

use super::{ensure, read, resource, versions};
use crate::cluster::{Actor, Deletion, Part};
use crate::{Cluster, Status, fields};

const EBS_CSI: &str = include_str!("objects/ebs_csi.yaml");

/// The class that the add-on brings if it is asked for.
const EBS_CLASS: &str = "ebs-csi-default-sc";

/// An add-on as EKS knows it.
#[derive(Clone, Copy, Debug)]
pub struct AddOn<'a> {
    pub name: &'a str,
    /// Such as `v1.51.1-eksbuild.1`.
    pub version: &'a str,
    /// The role of its service account; empty if it has none.
    pub role_arn: &'a str,
    /// `configurationValues`: JSON or YAML; empty if there are none.
    pub configuration: &'a str,
}

/// Makes what an add-on consists of, or brings it to another version.
///
/// # Errors
/// If an object cannot be made.
pub async fn install(cluster: &Cluster, add_on: &AddOn<'_>) -> Result<(), Status> {
    let by = Actor::system("eks:addon-manager", "eks", "eks");
    for object in objects(cluster, add_on)? {
        let resource = resource(fields::text(&object, "kind"));
        let metadata = &object["metadata"];
        let namespace = fields::text(metadata, "namespace").to_owned();
        let name = fields::text(metadata, "name").to_owned();
        if cluster.get(resource, &namespace, &name).is_none() {
            ensure(cluster, resource, object, &by).await?;
            continue;
        }
        let change = |there: &mut Value| {
            adopt(there, &object);
            Ok(())
        };
        let done = cluster.modify(resource, &namespace, &name, Part::Main, &by, change);
        done.await?;
    }
    Ok(())
}

/// Takes away what an add-on consists of.
///
/// # Errors
/// If an object cannot be deleted.
pub async fn uninstall(cluster: &Cluster, add_on: &AddOn<'_>) -> Result<(), Status> {
    let by = Actor::system("eks:addon-manager", "eks", "eks");
    let mut all = objects(cluster, add_on)?;
    // The last thing that came is the first to go.
    all.reverse();
    for object in all {
        let resource = resource(fields::text(&object, "kind"));
        let metadata = &object["metadata"];
        let (namespace, name) = (
            fields::text(metadata, "namespace"),
            fields::text(metadata, "name"),
        );
        let how = Deletion::default();
        match cluster.delete(resource, namespace, name, &how, &by).await {
            Err(status) if !status.is_not_found() => return Err(status),
            _ => {}
        }
    }
    Ok(())
}

fn objects(cluster: &Cluster, add_on: &AddOn<'_>) -> Result<Vec<Value>, Status> {
    if add_on.name != "aws-ebs-csi-driver" {
        return Ok(Vec::new());
    }
    let release = add_on.version.split('-').next().unwrap_or_default();
    let registry = versions::registry(&cluster.settings().region);
    let text = EBS_CSI
        .replace("{registry}", &registry)
        .replace("{driver}", release);
    let mut all = read(&text)?;
    if !add_on.role_arn.is_empty()
        && let Some(account) = all.first_mut()
    {
        account["metadata"]["annotations"] =
            json!({ "eks.amazonaws.com/role-arn": add_on.role_arn });
    }
    // EKS checked it; what cannot be read anyway asks for nothing.
    let configuration: Value = serde_saphyr::from_str(add_on.configuration).unwrap_or_default();
    if configuration["defaultStorageClass"]["enabled"] == true {
        all.push(json!({
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": EBS_CLASS,
                "annotations": { "storageclass.kubernetes.io/is-default-class": "true" },
            },
            "provisioner": "ebs.csi.aws.com",
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowVolumeExpansion": true,
        }));
    }
    Ok(all)
}

/// Brings an object that is there to what an add-on wants of it.
fn adopt(there: &mut Value, wanted: &Value) {
    for key in ["labels", "annotations"] {
        for (name, value) in fields::entries(&wanted["metadata"], key) {
            if let Some(metadata) = fields::ensure(there, "metadata")
                && let Some(map) = fields::ensure(metadata, key)
            {
                fields::set(map, name, value.clone());
            }
        }
    }
    let containers = "/spec/template/spec/containers";
    if let (Some(Value::Array(own)), Some(Value::Array(new))) =
        (there.pointer_mut(containers), wanted.pointer(containers))
    {
        for container in own {
            let mut new = new.iter();
            if let Some(new) = new.find(|one| one["name"] == container["name"]) {
                container["image"] = new["image"].clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::TestCluster;

    #[tokio::test]
    async fn the_driver_of_ebs_comes_changes_and_goes() {
        let test = TestCluster::new().await;
        let (cluster, by) = (&test.cluster, &test.by);
        let system = json!({ "metadata": { "name": "kube-system" } });
        cluster.create("namespaces", system, by).await.unwrap();
        for class in crate::admission::priority::system_classes() {
            let resource = "priorityclasses.scheduling.k8s.io";
            cluster.create(resource, class, by).await.unwrap();
        }
        let mut add_on = AddOn {
            name: "aws-ebs-csi-driver",
            version: "v1.51.1-eksbuild.1",
            role_arn: "arn:aws:iam::000000000000:role/ebs",
            configuration: r#"{"defaultStorageClass":{"enabled":true}}"#,
        };
        install(cluster, &add_on).await.unwrap();
        let account = cluster.get("serviceaccounts", "kube-system", "ebs-csi-controller-sa");
        let account = account.unwrap().value();
        let role = &account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"];
        assert_eq!(role, add_on.role_arn);
        let driver = || cluster.get("csidrivers.storage.k8s.io", "", "ebs.csi.aws.com");
        assert!(driver().is_some());
        assert!(
            cluster
                .get("storageclasses.storage.k8s.io", "", EBS_CLASS)
                .is_some()
        );
        add_on.version = "v1.52.1-eksbuild.1";
        install(cluster, &add_on).await.unwrap();
        let found = cluster.get("deployments.apps", "kube-system", "ebs-csi-controller");
        let image = &found.unwrap().value()["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!(
            image,
            "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/aws-ebs-csi-driver:v1.52.1"
        );
        uninstall(cluster, &add_on).await.unwrap();
        // Twice does no harm.
        uninstall(cluster, &add_on).await.unwrap();
        assert!(driver().is_none());
    }
}
