use futures::FutureExt as _;
use serde_json::json;

use super::super::super::testing::{Running, running};
use super::*;

fn claim(mode: &str, size: &str) -> Value {
    json!({
        "metadata": { "name": "data", "namespace": "default", "uid": "u1" },
        "spec": {
            "accessModes": [mode], "storageClassName": "fast", "volumeMode": "Filesystem",
            "resources": { "requests": { "storage": size } },
        },
    })
}

fn class(provisioner: &str, parameters: &Value) -> Value {
    json!({
        "metadata": { "name": "fast" },
        "provisioner": provisioner,
        "parameters": parameters,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": true,
    })
}

#[test]
fn a_volume_says_what_it_is_and_where() {
    let parameters = json!({ "type": "gp3", "csi.storage.k8s.io/fstype": "xfs", "iops": "4000", "encrypted": "true" });
    let volume = provision::volume(
        &claim("ReadWriteOnce", "1500Mi"),
        &class(EBS, &parameters),
        "us-east-1a",
    )
    .unwrap();
    let spec = &volume["spec"];
    assert_eq!(volume["metadata"]["name"], "pvc-u1");
    assert_eq!(spec["capacity"]["storage"], "2Gi");
    assert_eq!(spec["csi"]["driver"], EBS);
    assert_eq!(spec["csi"]["fsType"], "xfs");
    let handle = fields::text(&spec["csi"], "volumeHandle");
    let digits = handle.strip_prefix("vol-").unwrap();
    assert!(digits.len() == 17 && digits.chars().all(|c| c.is_ascii_hexdigit()));
    let place = &spec["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"];
    assert_eq!(
        *place,
        json!([{ "key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-east-1a"] }])
    );
}

#[test]
fn a_class_of_the_built_in_name_makes_volumes_of_that_name() {
    let volume = provision::volume(
        &claim("ReadWriteOnce", "1Gi"),
        &class(EBS_IN_TREE, &json!({ "type": "gp2", "fsType": "ext4" })),
        "us-east-1b",
    )
    .unwrap();
    assert!(is_ours(&volume));
    assert_eq!(volume["spec"]["awsElasticBlockStore"]["fsType"], "ext4");
    let notes = &volume["metadata"]["annotations"];
    assert_eq!(notes["pv.kubernetes.io/migrated-to"], EBS);
    assert_eq!(notes["pv.kubernetes.io/provisioned-by"], EBS_IN_TREE);
    let labels = &volume["metadata"]["labels"];
    assert_eq!(labels["topology.kubernetes.io/region"], "us-east-1");
}

#[test]
fn what_ebs_does_not_have_is_refused_in_the_drivers_words() {
    for (mode, size, parameters, wanted) in [
        (
            "ReadWriteMany",
            "1Gi",
            json!({}),
            "Volume capabilities MULTI_NODE_MULTI_WRITER not supported. Only AccessModes[ReadWriteOnce] supported.",
        ),
        (
            "ReadWriteOnce",
            "1Gi",
            json!({ "color": "red" }),
            "Invalid parameter key color for CreateVolume",
        ),
        (
            "ReadWriteOnce",
            "1Gi",
            json!({ "type": "gp9" }),
            "invalid AWS VolumeType \"gp9\"",
        ),
        (
            "ReadWriteOnce",
            "10Gi",
            json!({ "type": "st1" }),
            "Volume of 10GiB is too small; minimum is 125GiB.",
        ),
        (
            "ReadWriteOnce",
            "10Gi",
            json!({ "type": "io1" }),
            "The parameter iops must be specified for io1 volumes",
        ),
    ] {
        let made = provision::volume(&claim(mode, size), &class(EBS, &parameters), "z");
        let why = made.unwrap_err();
        assert!(why.starts_with("rpc error: code = "), "{why}");
        assert!(why.ends_with(wanted), "{why}");
    }
}

async fn here() -> Running {
    running(&[
        |cluster| super::super::run_binder(cluster).boxed(),
        |cluster| super::super::run_claim_protection(cluster).boxed(),
        |cluster| super::super::run_volume_protection(cluster).boxed(),
        |cluster| run(cluster).boxed(),
    ])
    .await
}

async fn install(here: &Running) {
    let driver = json!({ "metadata": { "name": EBS }, "spec": { "attachRequired": true } });
    here.create(DRIVERS, driver).await;
}

async fn told(here: &Running, reason: &str) -> String {
    let told = here.until("events", reason, |events| {
        let found = events
            .iter()
            .find(|event| event.value()["reason"] == reason)?;
        Some(fields::text(&found.value(), "message").to_owned())
    });
    told.await
}

async fn bound(here: &Running) -> Value {
    here.until_one(CLAIMS, "data", "it is bound", |claim| {
        claim["status"]["phase"] == "Bound"
    })
    .await
}

async fn node(here: &Running) {
    let node = json!({
        "metadata": { "name": "n", "labels": { "topology.kubernetes.io/zone": "us-east-1a" } },
    });
    here.create("nodes", node).await;
}

#[tokio::test]
async fn a_claim_waits_for_the_add_on_and_its_volume_goes_with_it() {
    let here = here().await;
    node(&here).await;
    here.create(CLASSES, class(EBS, &json!({ "type": "gp3" })))
        .await;
    let made = here.create(CLAIMS, claim("ReadWriteOnce", "1Gi")).await;
    let hint = told(&here, "DriverNotInstalled").await;
    assert!(
        hint.contains("aws eks create-addon --cluster-name dev --addon-name aws-ebs-csi-driver")
    );
    assert!(
        told(&here, "ExternalProvisioning")
            .await
            .contains("'ebs.csi.aws.com'")
    );
    install(&here).await;
    let claim = bound(&here).await;
    let name = format!("pvc-{}", made.uid);
    assert_eq!(claim["spec"]["volumeName"], *name);
    assert_eq!(
        told(&here, "ProvisioningSucceeded").await,
        format!("Successfully provisioned volume {name}")
    );
    let (cluster, by) = (here.cluster(), &here.test.by);
    let how = Deletion::default();
    cluster
        .delete(CLAIMS, "default", "data", &how, by)
        .await
        .unwrap();
    let shelf = cluster.shelf(VOLUMES).unwrap();
    let mut changes = shelf.subscribe();
    loop {
        changes.mark_unchanged();
        if cluster.get(VOLUMES, "", &name).is_none() {
            break;
        }
        changes.changed().await.unwrap();
    }
}

#[tokio::test]
async fn a_volume_grows_at_once_and_its_file_system_with_a_pod() {
    let here = here().await;
    node(&here).await;
    install(&here).await;
    here.create(CLASSES, class(EBS, &json!({}))).await;
    here.create(CLAIMS, claim("ReadWriteOnce", "1Gi")).await;
    let name = bound(&here).await["spec"]["volumeName"].clone();
    here.change(CLAIMS, "data", |claim| {
        claim["spec"]["resources"]["requests"]["storage"] = "3Gi".into();
    })
    .await;
    let waits =
        |claim: &Value| claim["status"]["conditions"][0]["type"] == "FileSystemResizePending";
    let claim = here.until_one(CLAIMS, "data", "it waits", waits).await;
    assert_eq!(claim["status"]["capacity"]["storage"], "1Gi");
    let volume = here
        .cluster()
        .get(VOLUMES, "", name.as_str().unwrap())
        .unwrap();
    assert_eq!(volume.value()["spec"]["capacity"]["storage"], "3Gi");
    let pod = json!({
        "metadata": { "name": "p", "namespace": "default" },
        "spec": {
            "nodeName": "n",
            "containers": [{ "name": "c", "image": "a:1" }],
            "volumes": [{ "name": "v", "persistentVolumeClaim": { "claimName": "data" } }],
        },
    });
    here.create("pods", pod).await;
    let grown = |claim: &Value| claim["status"]["capacity"]["storage"] == "3Gi";
    let claim = here.until_one(CLAIMS, "data", "it has grown", grown).await;
    assert!(claim["status"]["conditions"].is_null());
}

#[tokio::test]
async fn volumes_of_efs_are_not_made() {
    let here = here().await;
    here.create(CLASSES, class(EFS, &json!({}))).await;
    here.create(CLAIMS, claim("ReadWriteMany", "1Gi")).await;
    assert!(
        told(&here, "ProvisioningFailed")
            .await
            .contains("there is no EFS")
    );
}
