"""Changing objects together with others: server-side apply, patches, and files."""

import json

import pytest
from conftest import config_map, fails
from kubernetes import client, utils
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError, UnprocessibleEntityError
from tools import deployment


@pytest.fixture(scope="module")
def dynamic(api):
    return DynamicClient(api)


@pytest.fixture
def maps(dynamic):
    return dynamic.resources.get(api_version="v1", kind="ConfigMap")


def wanted(namespace, **data):
    return {
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "shared", "namespace": namespace}, "data": data,
    }


def owned(one, manager, operation="Apply"):
    """The keys of the data that a manager owns."""
    for entry in one.to_dict()["metadata"].get("managedFields", []):
        if (entry["manager"], entry["operation"]) == (manager, operation):
            return sorted(key.removeprefix("f:") for key in entry["fieldsV1"]["f:data"] if key != ".")
    return None


def test_appliers_share_an_object(maps, namespace):
    one = maps.server_side_apply(wanted(namespace, a="1", b="1"), field_manager="first")
    assert one.data.to_dict() == {"a": "1", "b": "1"} and owned(one, "first") == ["a", "b"]
    before = one.metadata.resourceVersion
    # The same again is no change.
    again = maps.server_side_apply(wanted(namespace, a="1", b="1"), field_manager="first")
    assert again.metadata.resourceVersion == before
    # The same value belongs to both, a new key to whoever brings it.
    one = maps.server_side_apply(wanted(namespace, b="1", c="2"), field_manager="second")
    assert one.data.to_dict() == {"a": "1", "b": "1", "c": "2"}
    assert (owned(one, "first"), owned(one, "second")) == (["a", "b"], ["b", "c"])
    # Who leaves a key out gives it up; it goes with its last owner.
    one = maps.server_side_apply(wanted(namespace, a="1"), field_manager="first")
    assert one.data.to_dict() == {"a": "1", "b": "1", "c": "2"}
    one = maps.server_side_apply(wanted(namespace, c="2"), field_manager="second")
    assert one.data.to_dict() == {"a": "1", "c": "2"}


def test_a_conflict_names_its_fields_and_can_be_forced(maps, namespace):
    maps.server_side_apply(wanted(namespace, a="1", b="1"), field_manager="first")
    with pytest.raises(ConflictError) as raised:
        maps.server_side_apply(wanted(namespace, a="2", b="2", c="2"), field_manager="second")
    body = json.loads(raised.value.body)
    assert (body["reason"], body["code"]) == ("Conflict", 409)
    assert body["message"].startswith('Apply failed with 2 conflicts: conflicts with "first"')
    assert [(c["reason"], c["field"]) for c in body["details"]["causes"]] == [
        ("FieldManagerConflict", ".data.a"), ("FieldManagerConflict", ".data.b"),
    ]
    assert body["details"]["causes"][0]["message"] == 'conflict with "first"'
    one = maps.server_side_apply(wanted(namespace, a="2", c="2"), field_manager="second", force_conflicts=True)
    assert one.data.to_dict() == {"a": "2", "b": "1", "c": "2"}
    assert (owned(one, "first"), owned(one, "second")) == (["b"], ["a", "c"])


def test_what_an_update_took_is_in_conflict_too(core, maps, namespace):
    maps.server_side_apply(wanted(namespace, a="1"), field_manager="first")
    core.patch_namespaced_config_map("shared", namespace, {"data": {"a": "2"}}, field_manager="someone")
    with pytest.raises(ConflictError) as raised:
        maps.server_side_apply(wanted(namespace, a="1"), field_manager="first")
    assert json.loads(raised.value.body)["message"] == (
        'Apply failed with 1 conflict: conflict with "someone" using v1: .data.a'
    )
    one = maps.get(name="shared", namespace=namespace)
    assert (owned(one, "first"), owned(one, "someone", "Update")) == (None, ["a"])


def test_an_apply_has_a_manager_and_no_managed_fields(core, maps, namespace):
    path = f"/api/v1/namespaces/{namespace}/configmaps/shared"

    def apply(body, **query):
        return core.api_client.call_api(
            path, "PATCH", header_params={"Content-Type": "application/apply-patch+yaml"}, body=body,
            query_params=list(query.items()), auth_settings=["BearerToken"], _preload_content=False,
        )

    fails(422, "Invalid", apply, wanted(namespace), text="fieldManager: Required value")
    with_fields = wanted(namespace)
    with_fields["metadata"]["managedFields"] = [{"manager": "x", "operation": "Apply", "apiVersion": "v1"}]
    fails(400, "BadRequest", apply, with_fields, fieldManager="x", text="metadata.managedFields must be nil")


def test_a_dry_run_of_an_apply_stores_nothing(maps, namespace):
    one = maps.server_side_apply(wanted(namespace, a="1"), field_manager="first", dry_run="All")
    assert one.data.a == "1"
    with pytest.raises(NotFoundError):
        maps.get(name="shared", namespace=namespace)


def test_containers_of_two_appliers_are_merged_by_name(dynamic, namespace):
    deployments = dynamic.resources.get(api_version="apps/v1", kind="Deployment")
    deployments.server_side_apply(deployment("web", namespace), field_manager="first")
    side = deployment("web", namespace)
    del side["spec"]["replicas"]
    side["spec"]["template"]["spec"]["containers"] = [{"name": "side", "image": "busybox"}]
    one = deployments.server_side_apply(side, field_manager="second")
    assert sorted(c.name for c in one.spec.template.spec.containers) == ["side", "web"]
    # A field that another one owns by its default is nobody's.
    side["spec"]["replicas"] = 5
    with pytest.raises(ConflictError):
        deployments.server_side_apply(side, field_manager="second")


def test_the_dynamic_client_finds_every_kind(dynamic, namespace):
    for version, kind, plural in (
        ("v1", "Pod", "pods"),
        ("apps/v1", "Deployment", "deployments"),
        ("batch/v1", "CronJob", "cronjobs"),
        ("networking.k8s.io/v1", "Ingress", "ingresses"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles"),
        ("storage.k8s.io/v1", "CSIDriver", "csidrivers"),
    ):
        found = dynamic.resources.get(api_version=version, kind=kind)
        assert found.name == plural
        assert dynamic.get(found).kind == f"{kind}List"
    assert {one.name for one in dynamic.resources.search(short_names=["po"])} >= {"pods"}
    assert "scale" in dynamic.resources.get(api_version="apps/v1", kind="Deployment").subresources


def test_the_dynamic_client_changes_and_watches(maps, namespace):
    made = maps.create(body=wanted(namespace, a="1"), namespace=namespace)
    maps.patch(body={"data": {"b": "2"}}, name="shared", namespace=namespace,
               content_type="application/merge-patch+json")
    current = maps.get(name="shared", namespace=namespace)
    current.data.c = "3"
    assert maps.replace(body=current, namespace=namespace).data.to_dict() == {"a": "1", "b": "2", "c": "3"}
    maps.delete(name="shared", namespace=namespace)
    events = maps.watch(namespace=namespace, resource_version=made.metadata.resourceVersion, timeout=1)
    assert [e["type"] for e in events if e["object"].metadata.name == "shared"] == ["MODIFIED", "MODIFIED", "DELETED"]
    with pytest.raises(UnprocessibleEntityError):
        maps.create(body={**wanted(namespace), "metadata": {"name": "A"}}, namespace=namespace)


def patched(api, kind, name, namespace, body, content_type):
    """A patch of a type: what the client has no method for, it does by its low level."""
    return api.call_api(
        f"/apis/apps/v1/namespaces/{namespace}/{kind}/{name}", "PATCH",
        header_params={"Content-Type": content_type, "Accept": "application/json"}, body=body,
        auth_settings=["BearerToken"], response_types_map={200: "object"}, _return_http_data_only=True,
    )


def test_each_type_of_patch(api, namespace):
    client.AppsV1Api(api).create_namespaced_deployment(namespace, deployment("web", namespace))
    def containers(body, content_type):
        one = patched(api, "deployments", "web", namespace, body, content_type)
        return [(c["name"], c["image"]) for c in one["spec"]["template"]["spec"]["containers"]]

    def of(*some):
        return {"spec": {"template": {"spec": {"containers": list(some)}}}}

    # Strategic: lists by their keys.
    strategic = "application/strategic-merge-patch+json"
    side = {"name": "side", "image": "busybox"}
    assert containers(of(side), strategic) == [("side", "busybox"), ("web", "nginx")]
    assert containers(of({"name": "side", "$patch": "delete"}), strategic) == [("web", "nginx")]
    # Merge: lists as a whole.
    web = {"name": "web", "image": "nginx:2"}
    assert containers(of(web), "application/merge-patch+json") == [("web", "nginx:2")]
    # JSON: operations, all or none.
    json_patch = "application/json-patch+json"
    path = "/spec/template/spec/containers"
    added = containers([
        {"op": "test", "path": f"{path}/0/image", "value": "nginx:2"},
        {"op": "add", "path": f"{path}/-", "value": side},
    ], json_patch)
    assert added == [("web", "nginx:2"), ("side", "busybox")]
    fails(422, "Invalid", containers, [
        {"op": "remove", "path": f"{path}/1"}, {"op": "test", "path": f"{path}/0/image", "value": "other"},
    ], json_patch)
    one = client.AppsV1Api(api).read_namespaced_deployment("web", namespace)
    assert len(one.spec.template.spec.containers) == 2


def test_objects_are_made_from_a_file(api, core, namespace, tmp_path):
    file = tmp_path / "all.yaml"
    file.write_text("""
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {k: v}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
""")
    made = utils.create_from_yaml(api, str(file), namespace=namespace)
    assert [type(one).__name__ for [one] in made] == ["V1ConfigMap", "V1Service", "V1Deployment", "V1Role"]
    assert core.read_namespaced_service("web", namespace).spec.ports[0].target_port == 8080
    with pytest.raises(utils.FailToCreateError) as raised:
        utils.create_from_yaml(api, str(file), namespace=namespace)
    assert [error.status for error in raised.value.api_exceptions] == [409] * 4
    # Applied, what is there is no error.
    utils.create_from_yaml(api, str(file), namespace=namespace, apply=True)


def test_an_empty_patch_changes_nothing(core, namespace):
    made = core.create_namespaced_config_map(namespace, config_map("one", a="1"))
    same = core.patch_namespaced_config_map("one", namespace, {})
    assert same.metadata.resource_version == made.metadata.resource_version
