"""Watches: what they tell, how they go on, and the client's informer on top of them."""

import random
import threading

import pytest
from conftest import config_map, fails
from kubernetes import client, watch
from kubernetes.informer import SharedInformer
from tools import until


@pytest.fixture
def maps(core, namespace):
    """Maps of the test only; the namespace has one of its own."""

    class Maps:
        chosen = {"namespace": namespace, "label_selector": "mine=yes"}

        def create(self, name, **data):
            return core.create_namespaced_config_map(namespace, config_map(name, {"mine": "yes"}, **data))

        def put(self, name, **data):
            return core.patch_namespaced_config_map(name, namespace, {"data": data})

        def delete(self, name):
            return core.delete_namespaced_config_map(name, namespace)

        def list(self):
            return core.list_namespaced_config_map(**self.chosen)

        def watch(self, seconds=1, **settings):
            """The events of a watch until its time is over."""
            stream = watch.Watch().stream(
                core.list_namespaced_config_map, timeout_seconds=seconds, **self.chosen, **settings
            )
            return [(event["type"], event["object"]) for event in stream]

    return Maps()


def said(events):
    return [(what, one.metadata.name) for what, one in events]


def test_a_watch_begins_with_what_is_there(maps):
    maps.create("a")
    maps.create("b")
    assert said(maps.watch()) == [("ADDED", "a"), ("ADDED", "b")]


def test_a_watch_goes_on_from_a_revision(maps):
    maps.create("a")
    revision = maps.list().metadata.resource_version
    maps.put("a", n="1")
    maps.create("b")
    deleted = maps.delete("a")
    events = maps.watch(resource_version=revision)
    assert said(events) == [("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "a")]
    revisions = [int(one.metadata.resource_version) for _, one in events]
    assert revisions == sorted(revisions) and revisions[0] > int(revision)
    assert events[0][1].data == {"n": "1"} and events[2][1].data == {"n": "1"}
    assert deleted.status == "Success"
    # Anywhere in between, too.
    assert said(maps.watch(resource_version=str(revisions[1]))) == [("DELETED", "a")]
    assert maps.watch(resource_version=str(revisions[2])) == []


def test_who_leaves_a_selection_is_deleted_as_it_last_was(core, maps, namespace):
    maps.create("a", n="1")
    revision = maps.list().metadata.resource_version
    core.patch_namespaced_config_map("a", namespace, {"metadata": {"labels": {"mine": None}}, "data": {"n": "2"}})
    now = core.read_namespaced_config_map("a", namespace)
    core.patch_namespaced_config_map("a", namespace, {"metadata": {"labels": {"mine": "yes"}}})
    events = maps.watch(resource_version=revision)
    assert said(events) == [("DELETED", "a"), ("ADDED", "a")]
    gone = events[0][1]
    assert gone.data == {"n": "1"} and gone.metadata.labels == {"mine": "yes"}
    assert gone.metadata.resource_version == now.metadata.resource_version


def test_changes_come_while_one_watches(core, maps):
    def act():
        maps.create("live")
        maps.put("live", n="1")
        maps.delete("live")

    revision = maps.list().metadata.resource_version
    watching, actor, seen = watch.Watch(), threading.Timer(0.2, act), []
    actor.start()
    stream = watching.stream(
        core.list_namespaced_config_map, resource_version=revision, timeout_seconds=60, **maps.chosen
    )
    for event in stream:
        seen.append((event["type"], event["object"].metadata.name))
        if event["type"] == "DELETED":
            watching.stop()
    actor.join()
    assert seen == [("ADDED", "live"), ("MODIFIED", "live"), ("DELETED", "live")]


def test_one_object_by_its_name(core, namespace):
    for name in ("a", "b"):
        core.create_namespaced_secret(namespace, {"metadata": {"name": name}})
    stream = watch.Watch().stream(
        core.list_namespaced_secret, namespace, field_selector="metadata.name=b", timeout_seconds=1
    )
    assert [event["object"].metadata.name for event in stream] == ["b"]


def test_bookmarks_tell_how_far_everything_is(core, maps, namespace):
    maps.create("a")
    revision = maps.list().metadata.resource_version
    # Changes that are not of the selection move only the bookmark, which comes before the end.
    core.create_namespaced_config_map(namespace, config_map("other"))
    events = maps.watch(seconds=3, resource_version=revision, allow_watch_bookmarks=True)
    assert [what for what, _ in events] == ["BOOKMARK"]
    mark = events[0][1]
    assert mark["kind"] == "ConfigMap" and int(mark["metadata"]["resourceVersion"]) > int(revision)
    assert maps.watch(resource_version=mark["metadata"]["resourceVersion"]) == []


def test_the_end_of_the_initial_events_is_marked(maps):
    maps.create("a")
    maps.create("b")
    wanted = dict(send_initial_events=True, resource_version_match="NotOlderThan", allow_watch_bookmarks=True)
    events = maps.watch(resource_version="", **wanted)
    assert [what for what, _ in events][:3] == ["ADDED", "ADDED", "BOOKMARK"]
    mark = events[2][1]["metadata"]
    assert mark["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert mark["resourceVersion"]
    # From now on only, if one does not want them.
    wanted["send_initial_events"] = False
    assert [what for what, _ in maps.watch(**wanted) if what != "BOOKMARK"] == []


def test_a_revision_that_is_forgotten(core, maps, namespace):
    maps.create("a")
    old = maps.list().metadata.resource_version
    page = core.list_namespaced_config_map(namespace, limit=1)
    # Old states are kept up to some megabytes a resource.
    for step in range(45):
        maps.put("a", big=f"{step} " + "x" * 900_000)
    with pytest.raises(client.ApiException) as raised:
        maps.watch(resource_version=old)
    assert raised.value.status == 410
    assert raised.value.reason.startswith(f"Expired: too old resource version: {old} (")
    # Without a timeout the client asks once more by itself, and says it then.
    with pytest.raises(client.ApiException) as raised:
        list(watch.Watch().stream(core.list_namespaced_config_map, namespace, resource_version=old))
    assert raised.value.status == 410
    fails(410, "Expired", core.list_namespaced_config_map, namespace, resource_version=old,
          resource_version_match="Exact", text="too old resource version")
    # A list goes on with what is there now, if one wants that.
    body = fails(410, "Expired", core.list_namespaced_config_map, namespace, limit=1,
                 _continue=page.metadata._continue, text="The provided continue parameter is too old")
    rest = core.list_namespaced_config_map(namespace, _continue=body["metadata"]["continue"])
    assert [one.metadata.name for one in rest.items] == ["kube-root-ca.crt"]
    assert int(rest.metadata.resource_version) > int(old)


def test_custom_objects_are_watched_as_dictionaries(api, core, namespace):
    definitions = client.ApiextensionsV1Api(api)
    group = f"{namespace}.example.com"
    definitions.create_custom_resource_definition({
        "metadata": {"name": f"gears.{group}"},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"plural": "gears", "kind": "Gear"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": {
                    "teeth": {"type": "integer", "minimum": 3, "default": 8},
                }}},
            }}}],
        },
    })

    def established():
        status = definitions.read_custom_resource_definition(f"gears.{group}").status
        return any(c.type == "Established" and c.status == "True" for c in status.conditions or [])

    until("the definition is established", established)
    custom = client.CustomObjectsApi(api)
    of = (group, "v1", namespace, "gears")
    gear = {"apiVersion": f"{group}/v1", "kind": "Gear", "metadata": {"name": "g"}, "spec": {}}
    made = custom.create_namespaced_custom_object(*of, gear)
    assert made["spec"] == {"teeth": 8}
    custom.patch_namespaced_custom_object(*of, "g", {"spec": {"teeth": 12}})
    fails(422, "Invalid", custom.patch_namespaced_custom_object, *of, "g", {"spec": {"teeth": 1}},
          text="spec.teeth: Invalid value: 1: spec.teeth in body should be greater than or equal to 3")
    stream = watch.Watch().stream(
        custom.list_namespaced_custom_object, *of, timeout_seconds=1,
        resource_version=made["metadata"]["resourceVersion"],
    )
    assert [(e["type"], e["object"]["spec"]) for e in stream] == [("MODIFIED", {"teeth": 12})]
    listed = custom.list_cluster_custom_object(group, "v1", "gears")
    assert [(one["kind"], one["metadata"]["name"]) for one in listed["items"]] == [("Gear", "g")]
    custom.delete_namespaced_custom_object(*of, "g")
    definitions.delete_custom_resource_definition(f"gears.{group}")
    until("the kind is gone", lambda: not _served(custom, of))


def _served(custom, of):
    try:
        custom.list_namespaced_custom_object(*of)
        return True
    except client.ApiException as error:
        assert error.status == 404
        return False


@pytest.mark.parametrize("resync", [0, 1], ids=["watching", "listing again each second"])
def test_the_informer_knows_what_the_list_says(core, maps, namespace, resync):
    seen = {}

    def note(what):
        def handler(one):
            seen.setdefault(one.metadata.name, []).append((what, one.metadata.resource_version))

        return handler

    for name in ("early", "doomed"):
        maps.create(name)
    informer = SharedInformer(
        core.list_namespaced_config_map, namespace=namespace, label_selector="mine=yes", resync_period=resync
    )
    for what in ("ADDED", "MODIFIED", "DELETED"):
        informer.add_event_handler(what, note(what))
    errors = []
    informer.add_event_handler("ERROR", errors.append)
    informer.start()
    try:
        until("it has begun", lambda: len(informer.cache.list_keys()) == 2)
        pick = random.Random(7)
        there = {"early", "doomed"}
        for step in range(120):
            name = pick.choice(sorted(there) or ["early"])
            roll = pick.random()
            if roll < 0.3 or not there:
                name = f"n{step}"
                maps.create(name, step=str(step))
                there.add(name)
            elif roll < 0.8:
                maps.put(name, step=str(step))
            else:
                maps.delete(name)
                there.discard(name)

        def settled():
            found = {one.metadata.name: one.metadata.resource_version for one in informer.cache.list()}
            wanted = {one.metadata.name: one.metadata.resource_version for one in maps.list().items}
            return found == wanted

        until("the cache is what the list is", settled)
        assert not errors
    finally:
        # The client ends its connection, which it then takes for an error.
        informer.stop()
    assert {one.metadata.name for one in maps.list().items} == there
    for name, events in seen.items():
        assert events[0][0] == "ADDED", (name, events)
        assert [what for what, _ in events].count("ADDED") == 1, (name, events)
        assert (events[-1][0] == "DELETED") == (name not in there), (name, events)
        if not resync:
            revisions = [int(revision) for _, revision in events]
            assert revisions == sorted(set(revisions)), (name, events)
