use futures::FutureExt as _;
use serde_json::{Value, json};

use super::super::super::testing::{Running, running};
use super::plan::{ForVolume, for_claim, for_volume};
use super::*;

fn claim(class: &Value, more: &Value) -> Claim {
    let mut claim = json!({
        "metadata": { "name": "data", "namespace": "default", "uid": "c1" },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "2Gi" } },
            "storageClassName": class,
        },
    });
    merge(&mut claim, more);
    Claim::read(&claim)
}

fn volume(name: &str, more: &Value) -> Volume {
    let mut volume = json!({
        "metadata": { "name": name },
        "spec": {
            "accessModes": ["ReadWriteOnce"], "capacity": { "storage": "5Gi" },
            "persistentVolumeReclaimPolicy": "Retain",
        },
        "status": { "phase": "Available" },
    });
    merge(&mut volume, more);
    Volume::read(&volume)
}

fn merge(value: &mut Value, more: &Value) {
    match (value, more) {
        (Value::Object(own), Value::Object(more)) => {
            for (key, new) in more {
                merge(own.entry(key).or_insert(Value::Null), new);
            }
        }
        (value, more) => *value = more.clone(),
    }
}

fn class(delayed: bool, provisioner: &str) -> StorageClass {
    StorageClass {
        delayed,
        provisioner: provisioner.to_owned(),
        topologies: Vec::new(),
    }
}

/// What is done with a claim among some volumes, in short.
fn of(claim: &Claim, class: Option<&StorageClass>, volumes: &[Volume]) -> String {
    let around = Around {
        class,
        default_class: None,
        volumes,
        named: volumes.iter().find(|volume| volume.name == claim.volume),
        pods: &[],
    };
    said(&for_claim(claim, &around))
}

fn said(step: &ForClaim) -> String {
    match step {
        ForClaim::Wait(None) => "waits".to_owned(),
        ForClaim::Wait(Some(told)) | ForClaim::Lose(told) => {
            format!("{}: {}", told.reason, told.message)
        }
        ForClaim::SetClass(class) => format!("gets the class {class}"),
        ForClaim::Ask(provisioner, told) => format!("{} of {provisioner}", told.reason),
        ForClaim::Bind(volume) => format!("gets {volume}"),
    }
}

#[test]
fn a_claim_gets_the_smallest_volume_that_has_all_it_asks_for() {
    let none = json!("");
    let of_size = |name: &str, size: &str| {
        volume(
            name,
            &json!({ "spec": { "capacity": { "storage": size } } }),
        )
    };
    let sizes = [
        of_size("small", "1Gi"),
        of_size("large", "9Gi"),
        of_size("fits", "3Gi"),
    ];
    assert_eq!(of(&claim(&none, &json!({})), None, &sizes), "gets fits");
    let nothing =
        "FailedBinding: no persistent volumes available for this claim and no storage class is set";
    for (why, asked, given) in [
        (
            "modes",
            json!({ "spec": { "accessModes": ["ReadWriteMany"] } }),
            json!({}),
        ),
        (
            "blocks",
            json!({ "spec": { "volumeMode": "Block" } }),
            json!({}),
        ),
        (
            "labels",
            json!({ "spec": { "selector": { "matchLabels": { "a": "b" } } } }),
            json!({}),
        ),
        (
            "class",
            json!({}),
            json!({ "spec": { "storageClassName": "slow" } }),
        ),
        (
            "claimed",
            json!({}),
            json!({ "spec": { "claimRef": { "namespace": "default", "name": "other" } } }),
        ),
        (
            "released",
            json!({}),
            json!({ "status": { "phase": "Released" } }),
        ),
        (
            "deleted",
            json!({}),
            json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }),
        ),
    ] {
        let claim = claim(&none, &asked);
        assert_eq!(of(&claim, None, &[volume("v", &given)]), nothing, "{why}");
    }
    let labelled = volume("v", &json!({ "metadata": { "labels": { "a": "b" } } }));
    let asked = json!({ "spec": { "selector": { "matchLabels": { "a": "b" } } } });
    assert_eq!(of(&claim(&none, &asked), None, &[labelled]), "gets v");
}

#[test]
fn a_volume_that_names_a_claim_is_for_that_one_only() {
    let none = json!("");
    let kept = json!({ "spec": {
        "capacity": { "storage": "9Gi" },
        "claimRef": { "namespace": "default", "name": "data" },
    } });
    let all = [volume("free", &json!({})), volume("kept", &kept)];
    assert_eq!(of(&claim(&none, &json!({})), None, &all), "gets kept");
    let mut old = kept;
    old["spec"]["claimRef"]["uid"] = "an earlier one".into();
    let all = [volume("free", &json!({})), volume("kept", &old)];
    assert_eq!(of(&claim(&none, &json!({})), None, &all), "gets free");
}

#[test]
fn a_claim_may_name_its_volume() {
    let none = json!("");
    let naming = claim(&none, &json!({ "spec": { "volumeName": "v" } }));
    assert_eq!(of(&naming, None, &[]), "waits");
    assert_eq!(of(&naming, None, &[volume("v", &json!({}))]), "gets v");
    let small = json!({ "spec": { "capacity": { "storage": "1Gi" } } });
    assert_eq!(
        of(&naming, None, &[volume("v", &small)]),
        "VolumeMismatch: Cannot bind to requested volume \"v\": requested PV is too small"
    );
    let slow = json!({ "spec": { "storageClassName": "slow" } });
    assert_eq!(
        of(&naming, None, &[volume("v", &slow)]),
        "VolumeMismatch: Cannot bind to requested volume \"v\": storageClassName does not match"
    );
    let other =
        json!({ "spec": { "claimRef": { "namespace": "default", "name": "x", "uid": "x" } } });
    assert_eq!(
        of(&naming, None, &[volume("v", &other)]),
        "FailedBinding: volume \"v\" already bound to a different claim."
    );
}

#[test]
fn a_bound_claim_without_its_volume_is_lost() {
    let bound = json!({
        "metadata": { "annotations": { "pv.kubernetes.io/bind-completed": "yes" } },
        "spec": { "volumeName": "v" },
    });
    let bound = claim(&json!(""), &bound);
    assert_eq!(
        of(&bound, None, &[]),
        "ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!"
    );
    assert_eq!(of(&bound, None, &[volume("v", &json!({}))]), "gets v");
    let other =
        json!({ "spec": { "claimRef": { "namespace": "default", "name": "x", "uid": "x" } } });
    assert_eq!(
        of(&bound, None, &[volume("v", &other)]),
        "ClaimMisbound: Two claims are bound to the same volume, this one is bound incorrectly"
    );
}

#[test]
fn who_is_asked_to_make_a_volume_and_when() {
    let gp3 = json!("gp3");
    let waiting = claim(&gp3, &json!({}));
    let chosen =
        json!({ "metadata": { "annotations": { "volume.kubernetes.io/selected-node": "n" } } });
    let chosen = claim(&gp3, &chosen);
    let (delayed, at_once) = (
        class(true, "ebs.csi.aws.com"),
        class(false, "kubernetes.io/aws-ebs"),
    );
    assert_eq!(
        of(&waiting, Some(&delayed), &[]),
        "WaitForFirstConsumer: waiting for first consumer to be created before binding"
    );
    let asked = "ExternalProvisioning of ebs.csi.aws.com";
    assert_eq!(of(&chosen, Some(&delayed), &[]), asked);
    assert_eq!(of(&waiting, Some(&at_once), &[]), asked);
    assert_eq!(
        of(&waiting, None, &[]),
        "ProvisioningFailed: storageclass.storage.k8s.io \"gp3\" not found"
    );
    assert_eq!(
        of(
            &waiting,
            Some(&class(false, "kubernetes.io/no-provisioner")),
            &[]
        ),
        "ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner"
    );
    // The scheduler chooses among volumes that are there, too.
    let there = volume("v", &json!({ "spec": { "storageClassName": "gp3" } }));
    assert!(of(&waiting, Some(&delayed), &[there]).starts_with("WaitForFirstConsumer"));
    let pods = ["web-0".to_owned()];
    let around = Around {
        class: Some(&delayed),
        default_class: None,
        volumes: &[],
        named: None,
        pods: &pods,
    };
    assert_eq!(
        said(&for_claim(&waiting, &around)),
        "WaitForPodScheduled: waiting for pod web-0 to be scheduled"
    );
    let around = Around {
        class: None,
        default_class: Some("gp3"),
        ..around
    };
    assert_eq!(
        said(&for_claim(&claim(&Value::Null, &json!({})), &around)),
        "gets the class gp3"
    );
}

#[test]
fn the_phases_of_a_volume() {
    let bound = |name: &str| claim(&json!(""), &json!({ "spec": { "volumeName": name } }));
    let with = |phase: &str, policy: &str| {
        json!({
            "spec": {
                "persistentVolumeReclaimPolicy": policy,
                "claimRef": { "namespace": "default", "name": "data", "uid": "c1" },
            },
            "status": { "phase": phase },
        })
    };
    let fresh = json!({ "status": { "phase": "Pending" } });
    assert_eq!(
        for_volume(&volume("v", &fresh), None),
        ForVolume::Phase("Available")
    );
    let available = volume("v", &with("Available", "Retain"));
    assert_eq!(
        for_volume(&available, Some(&bound("v"))),
        ForVolume::Phase("Bound")
    );
    let v = volume("v", &with("Bound", "Retain"));
    assert_eq!(for_volume(&v, Some(&bound("v"))), ForVolume::Nothing);
    assert_eq!(for_volume(&v, Some(&bound("other"))), ForVolume::Unbind);
    assert_eq!(for_volume(&v, None), ForVolume::Release(None));
    let released = volume("v", &with("Released", "Retain"));
    assert_eq!(for_volume(&released, None), ForVolume::Nothing);
    // Nobody deletes what no driver made.
    let ForVolume::Release(Some(told)) = for_volume(&volume("v", &with("Bound", "Delete")), None)
    else {
        panic!("it is not released");
    };
    assert_eq!(told.reason, "VolumeFailedDelete");
    let mut made = with("Bound", "Delete");
    made["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"] = "ebs.csi.aws.com".into();
    let made = volume("v", &made);
    assert_eq!(for_volume(&made, None), ForVolume::Release(None));
    assert_eq!(
        for_volume(&made, Some(&bound("other"))),
        ForVolume::Release(None)
    );
}

async fn here() -> Running {
    running(&[|cluster| run(cluster).boxed()]).await
}

fn asking(name: &str, spec: &Value) -> Value {
    let mut claim = json!({
        "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": "1Gi" } },
            "storageClassName": "",
        },
    });
    merge(&mut claim["spec"], spec);
    claim
}

fn efs(name: &str) -> Value {
    json!({
        "metadata": { "name": name },
        "spec": {
            "accessModes": ["ReadWriteOnce", "ReadWriteMany"], "capacity": { "storage": "5Gi" },
            "csi": { "driver": "efs.csi.aws.com", "volumeHandle": "fs-1" },
        },
    })
}

#[tokio::test]
async fn both_sides_say_that_they_are_bound_and_a_released_volume_stays() {
    let here = here().await;
    here.create(CLAIMS, asking("data", &json!({}))).await;
    here.create(VOLUMES, efs("share")).await;
    let claim = here
        .until_one(CLAIMS, "data", "it is bound", |claim| {
            claim["status"]["phase"] == "Bound"
        })
        .await;
    assert_eq!(claim["spec"]["volumeName"], "share");
    assert_eq!(claim["status"]["capacity"], json!({ "storage": "5Gi" }));
    assert_eq!(
        claim["metadata"]["annotations"],
        json!({
            "pv.kubernetes.io/bind-completed": "yes",
            "pv.kubernetes.io/bound-by-controller": "yes",
        })
    );
    let volume = here.cluster().get(VOLUMES, "", "share").unwrap().value();
    assert_eq!(volume["status"]["phase"], "Bound");
    assert_eq!(volume["spec"]["claimRef"]["uid"], claim["metadata"]["uid"]);
    assert_eq!(
        volume["metadata"]["annotations"],
        json!({ "pv.kubernetes.io/bound-by-controller": "yes" })
    );
    // Without its finalizer the claim goes at once.
    here.change(CLAIMS, "data", |claim| {
        claim["metadata"]["finalizers"] = json!([]);
    })
    .await;
    let (cluster, by) = (here.cluster(), &here.test.by);
    let how = crate::cluster::Deletion::default();
    let deleted = cluster.delete(CLAIMS, "default", "data", &how, by);
    deleted.await.unwrap();
    let shelf = cluster.shelf(VOLUMES).unwrap();
    let mut changes = shelf.subscribe();
    loop {
        changes.mark_unchanged();
        let volume = cluster.get(VOLUMES, "", "share").unwrap().value();
        if volume["status"]["phase"] == "Released" {
            assert_eq!(volume["spec"]["claimRef"]["name"], "data");
            break;
        }
        changes.changed().await.unwrap();
    }
}

#[tokio::test]
async fn a_claim_without_a_class_gets_a_default_one_that_comes_later() {
    let here = here().await;
    let class = Value::Null;
    here.create(
        CLAIMS,
        asking("data", &json!({ "storageClassName": class })),
    )
    .await;
    let class = json!({
        "metadata": {
            "name": "gp3",
            "annotations": { "storageclass.kubernetes.io/is-default-class": "true" },
        },
        "provisioner": "ebs.csi.aws.com",
        "volumeBindingMode": "WaitForFirstConsumer",
    });
    here.create(CLASSES, class).await;
    here.until_one(CLAIMS, "data", "it has the class", |claim| {
        claim["spec"]["storageClassName"] == "gp3"
    })
    .await;
}
