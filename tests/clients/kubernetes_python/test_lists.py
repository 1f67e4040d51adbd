"""Lists: pages, selectors, and revisions."""

import json

from conftest import config_map, fails


def names(listed):
    return [one.metadata.name for one in listed.items]


def fill(core, namespace, count):
    for number in range(count):
        core.create_namespaced_config_map(namespace, config_map(f"m{number:03}", {"parity": str(number % 2)}))
    return [f"m{number:03}" for number in range(count)]


def test_pages_are_of_one_state(core, namespace):
    # A namespace has a map of its own, kube-root-ca.crt, as soon as its controller comes to it.
    expected = fill(core, namespace, 25)
    chosen = {"label_selector": "parity"}
    first = core.list_namespaced_config_map(namespace, limit=10, **chosen)
    revision = first.metadata.resource_version
    # What happens between the pages is not in them.
    core.create_namespaced_config_map(namespace, config_map("m999", {"parity": "0"}))
    core.delete_namespaced_config_map("m020", namespace)
    core.patch_namespaced_config_map("m021", namespace, {"data": {"late": "yes"}})
    found, page = names(first), first
    while page.metadata._continue:
        page = core.list_namespaced_config_map(namespace, limit=10, _continue=page.metadata._continue, **chosen)
        assert page.metadata.resource_version == revision
        assert all(one.data is None for one in page.items)
        found += names(page)
    assert found == expected
    assert page.metadata.remaining_item_count is None
    now = core.list_namespaced_config_map(namespace, **chosen)
    assert names(now) == [name for name in expected if name != "m020"] + ["m999"]
    assert int(now.metadata.resource_version) > int(revision)


def test_what_remains_is_counted_without_selectors(core, namespace):
    fill(core, namespace, 5)
    for number in range(3):
        core.create_namespaced_secret(namespace, {"metadata": {"name": f"s{number}"}})
    page = core.list_namespaced_secret(namespace, limit=1)
    assert page.metadata.remaining_item_count == 2
    page = core.list_namespaced_config_map(namespace, limit=1, label_selector="parity=0")
    assert page.metadata._continue and page.metadata.remaining_item_count is None


def test_selectors(core, namespace):
    fill(core, namespace, 6)

    def chosen(**selectors):
        return names(core.list_namespaced_config_map(namespace, **selectors))

    assert chosen(label_selector="parity=1") == ["m001", "m003", "m005"]
    assert chosen(label_selector="parity in (0),parity!=1") == ["m000", "m002", "m004"]
    assert not set(chosen(label_selector="!parity")) & {"m000", "m001"}
    assert chosen(field_selector="metadata.name=m003") == ["m003"]
    assert "m003" not in chosen(field_selector="metadata.name!=m003")
    fails(400, "BadRequest", core.list_namespaced_config_map, namespace, field_selector="data.a=b",
          text='"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"')
    fails(400, "BadRequest", core.list_namespaced_config_map, namespace, label_selector="a=b=c",
          text="found '=', expected: ',' or 'end of string'")


def test_revisions(core, namespace):
    fill(core, namespace, 2)
    then = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.delete_namespaced_config_map("m000", namespace)
    exact = core.list_namespaced_config_map(
        namespace, resource_version=then, resource_version_match="Exact", label_selector="parity"
    )
    assert names(exact) == ["m000", "m001"] and exact.metadata.resource_version == then
    newer = core.list_namespaced_config_map(
        namespace, resource_version=then, resource_version_match="NotOlderThan", label_selector="parity"
    )
    assert names(newer) == ["m001"]
    any_state = core.list_namespaced_config_map(namespace, resource_version="0", label_selector="parity")
    assert names(any_state) == ["m001"]


def test_revisions_that_contradict_themselves(core, namespace):
    # k8s.io/apimachinery pkg/apis/meta/internalversion/validation
    def refused(text, **settings):
        body = fails(422, "Invalid", core.list_namespaced_config_map, namespace, text=text, **settings)
        assert body["message"].startswith('ListOptions.meta.k8s.io "" is invalid: ')

    refused("resourceVersionMatch is forbidden unless resourceVersion is provided", resource_version_match="Exact")
    refused('resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
            resource_version="0", resource_version_match="Exact")
    refused('Unsupported value: "Newest"', resource_version="5", resource_version_match="Newest")
    refused("sendInitialEvents is forbidden for list", send_initial_events=True)
    refused("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            watch=True, resource_version_match="NotOlderThan", resource_version="5")
    refused("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            watch=True, send_initial_events=True)


def test_a_revision_of_the_future_is_waited_for_by_the_client(core, namespace):
    body = fails(504, "Timeout", core.list_namespaced_config_map, namespace, resource_version="999999999999",
                 text="Too large resource version: 999999999999, current: ")
    assert body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert body["details"]["retryAfterSeconds"] == 1


def test_a_bad_key_to_go_on(core, namespace):
    fails(400, "BadRequest", core.list_namespaced_config_map, namespace, limit=1, _continue="nonsense",
          text="continue key is not valid")
    page = fill(core, namespace, 3) and core.list_namespaced_config_map(namespace, limit=1)
    fails(400, "BadRequest", core.list_namespaced_config_map, namespace, limit=1,
          _continue=page.metadata._continue, resource_version=page.metadata.resource_version,
          text="specifying resource version is not allowed when using continue")


def test_raw_bytes_and_other_forms(api, core, namespace):
    core.create_namespaced_config_map(namespace, config_map("raw", a="ü"))
    raw = core.read_namespaced_config_map("raw", namespace, _preload_content=False)
    assert raw.headers["content-type"] == "application/json"
    assert json.loads(raw.data)["data"] == {"a": "ü"}
    path = f"/api/v1/namespaces/{namespace}/configmaps"

    def asked(accept):
        answer = api.call_api(path, "GET", header_params={"Accept": accept}, auth_settings=["BearerToken"],
                              _preload_content=False)
        return json.loads(answer.data)

    assert asked("application/vnd.kubernetes.protobuf,application/json")["kind"] == "ConfigMapList"
    table = asked("application/json;as=Table;v=v1;g=meta.k8s.io")
    assert table["kind"] == "Table" and table["columnDefinitions"][0]["name"] == "Name"
    meta = asked("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
    assert meta["kind"] == "PartialObjectMetadataList" and "data" not in meta["items"][0]
    fails(406, "NotAcceptable", asked, "application/vnd.kubernetes.protobuf")
