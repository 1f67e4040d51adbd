"""Objects of many kinds, through the typed clients: made, read, changed, listed, deleted."""

import datetime
import time

import pytest
from conftest import config_map, fails, pod
from kubernetes import client
from kubernetes.client import (
    V1ClusterRole, V1ClusterRoleBinding, V1Container, V1CronJob, V1CronJobSpec, V1Deployment, V1DeploymentSpec,
    V1Ingress, V1Job, V1JobSpec, V1JobTemplateSpec, V1LabelSelector, V1NetworkPolicy, V1ObjectMeta, V1PodSpec,
    V1PodTemplateSpec, V1Role, V1RoleBinding, V1RoleRef, V1Secret, V1Service, V1ServiceAccount,
)
from tools import until

TEMPLATE = V1PodTemplateSpec(
    metadata=V1ObjectMeta(labels={"app": "web"}),
    spec=V1PodSpec(containers=[V1Container(name="web", image="nginx")]),
)
SELECTOR = V1LabelSelector(match_labels={"app": "web"})
ONCE = V1JobSpec(
    suspend=True,
    template=V1PodTemplateSpec(
        spec=V1PodSpec(restart_policy="Never", containers=[V1Container(name="once", image="busybox")])
    ),
)
RULES = [client.V1PolicyRule(api_groups=[""], resources=["pods"], verbs=["get"])]
SUBJECTS = [client.RbacV1Subject(kind="User", name="jane", api_group="rbac.authorization.k8s.io")]


def named(kind, **members):
    return kind(metadata=V1ObjectMeta(name="one"), **members)


def role_ref(kind):
    return V1RoleRef(api_group="rbac.authorization.k8s.io", kind=kind, name="one")


NAMESPACED = [
    ("CoreV1Api", "config_map", named(client.V1ConfigMap, data={"a": "1"}, binary_data={"b": "AAEC"})),
    ("CoreV1Api", "secret", named(V1Secret, string_data={"password": "x"}, type="Opaque")),
    ("CoreV1Api", "service_account", named(V1ServiceAccount)),
    ("CoreV1Api", "pod", named(client.V1Pod, spec=TEMPLATE.spec)),
    ("CoreV1Api", "service", named(V1Service, spec={"selector": {"app": "web"}, "ports": [{"port": 80}]})),
    ("CoreV1Api", "persistent_volume_claim", named(
        client.V1PersistentVolumeClaim,
        spec={"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    )),
    ("CoreV1Api", "resource_quota", named(client.V1ResourceQuota, spec={"hard": {"secrets": "20"}})),
    ("CoreV1Api", "limit_range", named(
        client.V1LimitRange, spec={"limits": [{"type": "Container", "default": {"cpu": "100m"}}]}
    )),
    ("AppsV1Api", "deployment", named(V1Deployment, spec=V1DeploymentSpec(selector=SELECTOR, template=TEMPLATE))),
    ("AppsV1Api", "replica_set", named(
        client.V1ReplicaSet, spec=client.V1ReplicaSetSpec(replicas=1, selector=SELECTOR, template=TEMPLATE)
    )),
    ("AppsV1Api", "stateful_set", named(
        client.V1StatefulSet,
        spec=client.V1StatefulSetSpec(service_name="web", selector=SELECTOR, template=TEMPLATE),
    )),
    ("AppsV1Api", "daemon_set", named(
        client.V1DaemonSet, spec=client.V1DaemonSetSpec(selector=SELECTOR, template=TEMPLATE)
    )),
    ("BatchV1Api", "job", named(V1Job, spec=ONCE)),
    ("BatchV1Api", "cron_job", named(
        V1CronJob, spec=V1CronJobSpec(schedule="0 0 1 1 *", job_template=V1JobTemplateSpec(spec=ONCE))
    )),
    ("NetworkingV1Api", "ingress", named(
        V1Ingress, spec={"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}
    )),
    ("NetworkingV1Api", "network_policy", named(V1NetworkPolicy, spec={"podSelector": {}, "policyTypes": ["Ingress"]})),
    ("RbacAuthorizationV1Api", "role", named(V1Role, rules=RULES)),
    ("RbacAuthorizationV1Api", "role_binding", named(V1RoleBinding, role_ref=role_ref("Role"), subjects=SUBJECTS)),
    ("AutoscalingV2Api", "horizontal_pod_autoscaler", named(
        client.V2HorizontalPodAutoscaler,
        spec={"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    )),
    ("PolicyV1Api", "pod_disruption_budget", named(
        client.V1PodDisruptionBudget, spec={"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    )),
    ("CoordinationV1Api", "lease", named(client.V1Lease, spec={"holderIdentity": "me", "leaseDurationSeconds": 15})),
    ("DiscoveryV1Api", "endpoint_slice", client.V1EndpointSlice(
        metadata=V1ObjectMeta(name="one"), address_type="IPv4", endpoints=[{"addresses": ["10.1.2.3"]}],
    )),
]

GLOBAL = [
    ("CoreV1Api", "persistent_volume", {"spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/data"},
    }}),
    ("RbacAuthorizationV1Api", "cluster_role", {"rules": [{"nonResourceURLs": ["/mine"], "verbs": ["get"]}]}),
    ("RbacAuthorizationV1Api", "cluster_role_binding", {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "Group", "name": "people", "apiGroup": "rbac.authorization.k8s.io"}],
    }),
    ("StorageV1Api", "storage_class", {"provisioner": "example.com/disk"}),
    ("SchedulingV1Api", "priority_class", {"value": 1000}),
    ("NetworkingV1Api", "ingress_class", {"spec": {"controller": "example.com/ingress"}}),
]


@pytest.mark.parametrize("group, kind, wanted", NAMESPACED, ids=[kind for _, kind, _ in NAMESPACED])
def test_an_object_of_a_namespace_from_its_creation_to_its_end(api, namespace, group, kind, wanted):
    typed = getattr(client, group)(api)

    def call(verb, *arguments, **settings):
        return getattr(typed, f"{verb}_namespaced_{kind}")(*arguments, **settings)

    made = call("create", namespace, wanted)
    assert type(made) is type(wanted)
    meta = made.metadata
    assert (meta.name, meta.namespace) == ("one", namespace)
    assert meta.uid and meta.resource_version
    age = datetime.datetime.now(datetime.timezone.utc) - meta.creation_timestamp
    assert abs(age.total_seconds()) < 60
    fails(409, "AlreadyExists", call, "create", namespace, wanted, text='"one" already exists')

    assert call("read", "one", namespace).metadata.uid == meta.uid
    patched = call("patch", "one", namespace, {"metadata": {"labels": {"touched": "yes"}}})
    assert patched.metadata.labels["touched"] == "yes"
    found = call("list", namespace, label_selector="touched=yes").items
    assert [one.metadata.uid for one in found] == [meta.uid]

    # A replacement of what is not current is refused; of what is, done.
    made.metadata.labels = {"stale": "yes"}
    fails(409, "Conflict", call, "replace", "one", namespace, made, text="the object has been modified")
    current = replace(call, namespace)
    assert current.metadata.annotations["replaced"] == "yes"

    # A dry run changes nothing.
    call("patch", "one", namespace, {"metadata": {"labels": {"touched": "no"}}}, dry_run="All")
    assert call("read", "one", namespace).metadata.labels["touched"] == "yes"
    call("delete", "one", namespace, grace_period_seconds=0)
    until("it is gone", lambda: not call("list", namespace, field_selector="metadata.name=one").items)
    fails(404, "NotFound", call, "read", "one", namespace, text='"one" not found')


def replace(call, namespace):
    """Reads and replaces until nobody, such as a controller, came between."""
    for _ in range(50):
        current = call("read", "one", namespace)
        current.metadata.annotations = dict(current.metadata.annotations or {}, replaced="yes")
        try:
            return call("replace", "one", namespace, current)
        except client.ApiException as error:
            if error.status != 409:
                raise
            time.sleep(0.01)
    raise AssertionError("somebody always came between")


@pytest.mark.parametrize("group, kind, wanted", GLOBAL, ids=[kind for _, kind, _ in GLOBAL])
def test_an_object_of_the_cluster_from_its_creation_to_its_end(api, namespace, group, kind, wanted):
    typed = getattr(client, group)(api)
    wanted = {"metadata": {"name": namespace}, **wanted}
    made = getattr(typed, f"create_{kind}")(wanted)
    assert made.metadata.name == namespace and made.metadata.namespace is None
    patched = getattr(typed, f"patch_{kind}")(namespace, {"metadata": {"annotations": {"a": "b"}}})
    assert patched.metadata.annotations["a"] == "b"
    assert namespace in [one.metadata.name for one in getattr(typed, f"list_{kind}")().items]
    getattr(typed, f"delete_{kind}")(namespace)
    until("it is gone", lambda: namespace not in [
        one.metadata.name for one in getattr(typed, f"list_{kind}")().items
    ])


def test_namespaces_take_what_is_in_them_along(core, namespace):
    core.create_namespaced_config_map(namespace, config_map("inside"))
    own = core.create_namespace({"metadata": {"generateName": "gen-"}}).metadata.name
    assert own.startswith("gen-") and len(own) == 9
    core.create_namespaced_config_map(own, config_map("inside"))
    core.delete_namespace(own)
    until("it is gone", lambda: own not in [one.metadata.name for one in core.list_namespace().items])
    assert core.read_namespaced_config_map("inside", namespace)
    fails(404, "NotFound", core.create_namespaced_config_map, own, config_map("late"))


def test_a_collection_is_deleted_by_its_labels(core, namespace):
    for name, tier in (("a", "web"), ("b", "web"), ("c", "db")):
        core.create_namespaced_config_map(namespace, config_map(name, {"tier": tier}))
    core.delete_collection_namespaced_config_map(namespace, label_selector="tier=web")
    left = [one.metadata.name for one in core.list_namespaced_config_map(namespace).items]
    assert "c" in left and not {"a", "b"} & set(left)


def test_a_deployment_is_scaled_and_rolled_out(api, core, namespace, nodes):
    apps = client.AppsV1Api(api)
    spec = V1DeploymentSpec(replicas=2, selector=SELECTOR, template=TEMPLATE)
    apps.create_namespaced_deployment(namespace, named(V1Deployment, spec=spec))

    def available(count):
        status = apps.read_namespaced_deployment_status("one", namespace).status
        return status.available_replicas == count and status.updated_replicas == count

    until("two are available", lambda: available(2))
    scale = apps.read_namespaced_deployment_scale("one", namespace)
    assert (scale.spec.replicas, scale.status.selector) == (2, "app=web")
    apps.patch_namespaced_deployment_scale("one", namespace, {"spec": {"replicas": 3}})
    until("three are available", lambda: available(3))
    scale = apps.read_namespaced_deployment_scale("one", namespace)
    scale.spec.replicas = 1
    assert apps.replace_namespaced_deployment_scale("one", namespace, scale).spec.replicas == 1
    until("one is available", lambda: available(1))
    pods = core.list_namespaced_pod(namespace, field_selector="status.phase=Running").items
    until("one pod is left", lambda: len(core.list_namespaced_pod(namespace).items) == 1)
    assert pods[0].spec.node_name in [node.metadata.name for node in nodes]
    # In the background the pods follow; orphans stay.
    apps.delete_namespaced_deployment("one", namespace, propagation_policy="Orphan")
    until("it is gone", lambda: not apps.list_namespaced_deployment(namespace).items)
    assert len(apps.list_namespaced_replica_set(namespace).items) == 1


def test_a_pod_is_evicted_and_says_what_cannot_be_done(core, namespace, nodes):
    core.create_namespaced_pod(namespace, pod("lonely"))
    running = lambda: core.read_namespaced_pod("lonely", namespace).status.phase == "Running"  # noqa: E731
    until("the pod runs", running)
    # The client takes the bytes of an empty text for a text itself, so they are read raw.
    assert core.read_namespaced_pod_log("lonely", namespace, _preload_content=False).data == b""
    fails(400, "BadRequest", core.read_namespaced_pod_log, "lonely", namespace, container="other",
          text="container other is not valid for pod lonely")
    eviction = client.V1Eviction(metadata=V1ObjectMeta(name="lonely"))
    core.create_namespaced_pod_eviction("lonely", namespace, eviction)
    until("the pod is gone", lambda: not core.list_namespaced_pod(namespace).items)
    fails(404, "NotFound", core.read_namespaced_pod_log, "lonely", namespace)


def test_what_is_wrong_with_an_object_is_said_field_by_field(core, api, namespace):
    body = fails(422, "Invalid", core.create_namespaced_config_map, namespace, config_map("Not_A_Name"),
                 text='ConfigMap "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name"')
    assert body["details"]["name"] == "Not_A_Name" and body["details"]["kind"] == "ConfigMap"
    assert [(c["reason"], c["field"]) for c in body["details"]["causes"]] == [("FieldValueInvalid", "metadata.name")]
    bad = named(V1Deployment, spec=V1DeploymentSpec(
        selector=V1LabelSelector(match_labels={"app": "other"}), template=TEMPLATE,
    ))
    fails(422, "Invalid", client.AppsV1Api(api).create_namespaced_deployment, namespace, bad,
          text="`selector` does not match template `labels`")
    fails(400, "BadRequest", core.create_namespaced_config_map, namespace,
          {"metadata": {"name": "a"}, "dta": {}}, field_validation="Strict", text='unknown field "dta"')
    fails(400, "BadRequest", core.create_namespaced_config_map, namespace,
          {"metadata": {"name": "a", "namespace": "other"}},
          text="the namespace of the provided object does not match the namespace sent on the request")
