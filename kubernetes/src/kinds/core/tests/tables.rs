use super::*;

#[test]
fn a_node_shows_its_status_and_roles() {
    let node = json!({
        "metadata": {
            "name": "ip-10-0-0-1", "creationTimestamp": "2027-01-15T07:58:20Z",
            "labels": { "node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge" },
        },
        "spec": { "unschedulable": true },
        "status": {
            "conditions": [{ "type": "Ready", "status": "True" }],
            "addresses": [{ "type": "InternalIP", "address": "10.0.0.1" }],
            "nodeInfo": { "kubeletVersion": "v1.32.1-eks", "osImage": "Amazon Linux 2023" },
        },
    });
    assert_eq!(
        cells("Node", &node),
        [
            "ip-10-0-0-1",
            "Ready,SchedulingDisabled",
            "edge,worker",
            "100s",
            "v1.32.1-eks",
            "10.0.0.1",
            "<none>",
            "Amazon Linux 2023",
            "<unknown>",
            "<unknown>",
        ]
    );
    let bare = cells("Node", &json!({}));
    assert_eq!(
        (&bare[1], &bare[2], &bare[3]),
        (&"Unknown".into(), &"<none>".into(), &"<unknown>".into())
    );
}

#[test]
fn a_service_shows_where_it_is() {
    let service = json!({
        "metadata": { "name": "web" },
        "spec": {
            "type": "LoadBalancer", "clusterIPs": ["10.0.0.9"], "selector": { "app": "web" },
            "ports": [
                { "port": 80, "protocol": "TCP", "nodePort": 30001 },
                { "port": 53, "protocol": "UDP" },
            ],
        },
    });
    assert_eq!(
        cells("Service", &service),
        [
            "web",
            "LoadBalancer",
            "10.0.0.9",
            "<pending>",
            "80:30001/TCP,53/UDP",
            "<unknown>",
            "app=web",
        ]
    );
    let mut service = service;
    service["status"]["loadBalancer"]["ingress"] = json!([{ "hostname": "b" }, { "ip": "a" }]);
    service["spec"]["externalIPs"] = json!(["c"]);
    assert_eq!(cells("Service", &service)[3], "a,b,c");
}

#[test]
fn an_event_shows_when_and_what() {
    let event = json!({
        "metadata": { "name": "web.1" },
        "involvedObject": { "kind": "Pod", "name": "web", "fieldPath": "spec.containers{a}" },
        "type": "Warning", "reason": "Failed", "message": "no\n", "count": 4,
        "firstTimestamp": "2027-01-15T07:00:00Z", "lastTimestamp": "2027-01-15T07:59:50Z",
        "source": { "component": "kubelet", "host": "node-1" },
    });
    assert_eq!(
        cells("Event", &event),
        [
            json!("10s"),
            json!("Warning"),
            json!("Failed"),
            json!("pod/web"),
            json!("spec.containers{a}"),
            json!("kubelet, node-1"),
            json!("no"),
            json!("60m"),
            json!(4),
            json!("web.1"),
        ]
    );
    let series = json!({ "series": { "count": 9, "lastObservedTime": "2027-01-15T07:59:00.5Z" } });
    let cells = cells("Event", &series);
    assert_eq!((&cells[0], &cells[8]), (&"60s".into(), &9.into()));
}

#[test]
fn data_is_counted() {
    let map = json!({ "data": { "a": "" }, "binaryData": { "b": "" } });
    assert_eq!(cells("ConfigMap", &map)[1], 2);
    let secret = json!({ "type": "Opaque", "data": { "a": "" } });
    assert_eq!(cells("Secret", &secret)[1..3], [json!("Opaque"), json!(1)]);
}

#[test]
fn volumes_and_claims_show_each_other() {
    let volume = json!({
        "metadata": { "name": "v" },
        "spec": {
            "capacity": { "storage": "1024Mi" }, "accessModes": ["ReadWriteMany", "ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Delete", "storageClassName": "gp3",
            "claimRef": { "namespace": "a", "name": "c" }, "volumeMode": "Filesystem",
        },
        "status": { "phase": "Bound" },
    });
    assert_eq!(
        cells("PersistentVolume", &volume),
        [
            "v",
            "1Gi",
            "RWO,RWX",
            "Delete",
            "Bound",
            "a/c",
            "gp3",
            "<unset>",
            "",
            "<unknown>",
            "Filesystem"
        ]
    );
    let mut claim = json!({
        "metadata": { "name": "c" }, "spec": { "storageClassName": "gp3" },
        "status": { "phase": "Pending" },
    });
    assert_eq!(
        cells("PersistentVolumeClaim", &claim),
        [
            "c",
            "Pending",
            "",
            "",
            "",
            "gp3",
            "<unset>",
            "<unknown>",
            "<unset>"
        ]
    );
    claim["spec"]["volumeName"] = "v".into();
    claim["metadata"]["deletionTimestamp"] = "2027-01-15T07:00:00Z".into();
    claim["status"] = json!({ "accessModes": ["ReadWriteOnce"], "capacity": { "storage": "1Gi" } });
    assert_eq!(
        cells("PersistentVolumeClaim", &claim)[1..5],
        ["Terminating", "v", "1Gi", "RWO"]
    );
}

#[test]
fn endpoints_show_three() {
    let addresses = json!([{ "ip": "10.0.0.1" }, { "ip": "10.0.0.2" }]);
    let subset = json!({ "addresses": addresses, "ports": [{ "port": 80 }, { "port": 81 }] });
    assert_eq!(
        cells("Endpoints", &json!({ "subsets": [subset] }))[1],
        "10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more..."
    );
    assert_eq!(cells("Endpoints", &json!({}))[1], "<none>");
}

#[test]
fn a_quota_shows_requests_and_limits() {
    let quota = json!({ "status": {
        "hard": { "pods": "3", "limits.cpu": "2" }, "used": { "pods": "1", "limits.cpu": "500m" },
    } });
    assert_eq!(
        cells("ResourceQuota", &quota)[1..3],
        ["pods: 1/3", "limits.cpu: 500m/2"]
    );
}

#[test]
fn a_limit_range_shows_when_it_was_made() {
    let range = json!({ "metadata": { "name": "l", "creationTimestamp": "2027-01-15T07:00:00Z" } });
    assert_eq!(cells("LimitRange", &range), ["l", "2027-01-15T07:00:00Z"]);
}
