"""Who one is and may do, the election of a leader, and what simulated pods cannot do."""

import datetime
import threading

import pytest
import yaml
from conftest import fails, pod
from kubernetes import client, config
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from kubernetes.stream import stream
from tools import until


def test_the_kubeconfig_is_that_of_the_aws_cli(cluster, api):
    contexts, active = config.list_kube_config_contexts(cluster.shell.kubeconfig)
    assert len(contexts) == 1 and active["name"].endswith(":cluster/python")
    with open(cluster.shell.kubeconfig) as file:
        user = yaml.safe_load(file)["users"][0]["user"]
    assert user["exec"]["command"] == "aws" and "get-token" in user["exec"]["args"]
    version = client.VersionApi(api).get_code()
    assert version.major == "1" and version.git_version.startswith(f"v1.{version.minor.rstrip('+')}.")


def test_who_i_am_and_what_i_may(api, namespace):
    me = client.AuthenticationV1Api(api).create_self_subject_review({})
    assert me.status.user_info.username == "kubernetes-admin"
    assert "system:authenticated" in me.status.user_info.groups
    reviews = client.AuthorizationV1Api(api)
    may = reviews.create_self_subject_access_review({"spec": {
        "resourceAttributes": {"verb": "delete", "resource": "nodes"},
    }})
    assert may.status.allowed
    other = reviews.create_subject_access_review({"spec": {
        "user": "jane", "resourceAttributes": {"verb": "get", "resource": "secrets", "namespace": namespace},
    }})
    assert not other.status.allowed
    rules = reviews.create_self_subject_rules_review({"spec": {"namespace": namespace}})
    assert any("*" in rule.verbs for rule in rules.status.resource_rules)


def token_client(api, token):
    """A client of the same server that shows another token."""
    own = client.Configuration(host=api.configuration.host)
    own.ssl_ca_cert = api.configuration.ssl_ca_cert
    own.api_key = {"authorization": f"Bearer {token}", "BearerToken": f"Bearer {token}"}
    return client.ApiClient(own)


def test_a_service_account_may_what_its_role_says(api, core, namespace):
    core.create_namespaced_service_account(namespace, {"metadata": {"name": "robot"}})
    rbac = client.RbacAuthorizationV1Api(api)
    rbac.create_namespaced_role(namespace, {
        "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}],
    })
    rbac.create_namespaced_role_binding(namespace, {
        "metadata": {"name": "robots"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "robot", "namespace": namespace}],
    })
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    answer = core.create_namespaced_service_account_token("robot", namespace, request)
    left = answer.status.expiration_timestamp - datetime.datetime.now(datetime.timezone.utc)
    assert 500 < left.total_seconds() <= 601
    reviewed = client.AuthenticationV1Api(api).create_token_review({"spec": {"token": answer.status.token}})
    name = f"system:serviceaccount:{namespace}:robot"
    assert reviewed.status.authenticated and reviewed.status.user.username == name
    robot = client.CoreV1Api(token_client(api, answer.status.token))
    robot.list_namespaced_config_map(namespace)
    fails(403, "Forbidden", robot.list_namespaced_secret, namespace,
          text=f'secrets is forbidden: User "{name}" cannot list resource "secrets" in API group "" '
               f'in the namespace "{namespace}"')
    stranger = client.CoreV1Api(token_client(api, "nonsense"))
    fails(401, "Unauthorized", stranger.list_namespaced_config_map, namespace)


def test_who_acts_as_another_user_may_what_that_one_may(api):
    fails(403, "Forbidden", client.CoreV1Api(as_user(api, "jane")).list_node,
          text='nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope')


def as_user(api, name):
    """A client that impersonates a user."""
    other = client.ApiClient(api.configuration)
    other.set_default_header("Impersonate-User", name)
    return other


def test_exec_says_that_simulated_pods_have_no_processes(cluster, core, namespace, nodes):
    core.create_namespaced_pod(namespace, pod("still"))
    until("the pod runs", lambda: core.read_namespaced_pod("still", namespace).status.phase == "Running")
    # A stream changes the client that it is made with.
    streaming = client.CoreV1Api(cluster.api())
    with pytest.raises(Exception) as raised:
        stream(streaming.connect_get_namespaced_pod_exec, "still", namespace, command=["ls"], stdout=True)
    # The client stumbles over the body of its own error, and shows it only as where it came from.
    reasons = f"{raised.value!s} {raised.value.__context__!s}"
    assert "Handshake status 501" in reasons and "an engine that runs containers" in reasons
    fails(501, "NotImplemented", core.connect_get_namespaced_pod_exec, "still", namespace, command="ls",
          text="an engine that runs containers")


def test_a_lease_changes_hands_only_by_its_revision(api, namespace):
    leases = client.CoordinationV1Api(api)
    now = datetime.datetime.now(datetime.timezone.utc)
    spec = client.V1LeaseSpec(holder_identity="a", lease_duration_seconds=15, acquire_time=now, renew_time=now)
    made = leases.create_namespaced_lease(namespace, client.V1Lease(metadata={"name": "lock"}, spec=spec))
    assert made.spec.renew_time == now  # to the microsecond
    rival = leases.read_namespaced_lease("lock", namespace)
    made.spec.renew_time = now + datetime.timedelta(seconds=5)
    leases.replace_namespaced_lease("lock", namespace, made)
    rival.spec.holder_identity = "b"
    fails(409, "Conflict", leases.replace_namespaced_lease, "lock", namespace, rival)
    assert leases.read_namespaced_lease("lock", namespace).spec.holder_identity == "a"


def test_one_candidate_leads_and_the_next_one_follows(cluster, core, namespace, monkeypatch):
    # The lock has a client of its own, from the default configuration.
    config.load_kube_config(config_file=cluster.shell.kubeconfig)
    lead, leading = threading.Event(), []

    def candidate(name):
        def started():
            leading.append(name)
            lead.set()

        settings = electionconfig.Config(
            ConfigMapLock("election", namespace, name), lease_duration=3, renew_deadline=2, retry_period=1,
            onstarted_leading=started, onstopped_leading=lambda: leading.append(f"{name} lost"),
        )
        election = leaderelection.LeaderElection(settings)
        threading.Thread(target=election.run, daemon=True).start()
        return election

    first = candidate("first")
    assert lead.wait(10)
    lead.clear()
    candidate("second")
    held = core.read_namespaced_config_map("election", namespace)
    assert "first" in held.metadata.annotations["control-plane.alpha.kubernetes.io/leader"]
    # The first one fails from now on, and the second one takes over when its lease is over.
    monkeypatch.setattr(first, "try_acquire_or_renew", lambda: False)
    assert lead.wait(20)
    until("the first one has noticed", lambda: "first lost" in leading)
    assert sorted(leading) == ["first", "first lost", "second"]
    held = core.read_namespaced_config_map("election", namespace)
    assert "second" in held.metadata.annotations["control-plane.alpha.kubernetes.io/leader"]
