"""What kubectl validates itself, with the document of OpenAPI v2: reviews, which nobody patches, and lists.

For all else it sends `fieldValidation`, which OpenAPI v3 tells it of.
"""

import json

import pytest
from tools import Shell, deployment

CLUSTER = "validation"
PODS = {"namespace": "default", "verb": "get", "resource": "pods"}


@pytest.fixture(scope="module")
def shell():
    shell = Shell()
    shell.make_cluster(CLUSTER)
    return shell


def review(kind, spec):
    group = "authentication" if kind in ("TokenReview", "SelfSubjectReview") else "authorization"
    return {"apiVersion": f"{group}.k8s.io/v1", "kind": kind, "spec": spec}


def create(shell, one):
    return json.loads(shell.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(one)))


def refused(shell, one):
    """What kubectl says; the server has no such words."""
    said = shell.fails("kubectl", "create", "-f", "-", stdin=json.dumps(one))
    assert "error validating data" in said, said
    return said


def test_a_self_subject_access_review(shell):
    status = create(shell, review("SelfSubjectAccessReview", {"resourceAttributes": PODS}))["status"]
    assert status["allowed"] is True


def test_a_subject_access_review(shell):
    spec = {"user": "nobody", "groups": ["none"], "extra": {"a": ["b"]}, "resourceAttributes": PODS}
    assert create(shell, review("SubjectAccessReview", spec))["status"]["allowed"] is False
    spec = {"user": "root", "groups": ["system:masters"], "nonResourceAttributes": {"path": "/metrics", "verb": "get"}}
    assert create(shell, review("SubjectAccessReview", spec))["status"]["allowed"] is True


def test_a_local_subject_access_review(shell):
    local = review("LocalSubjectAccessReview", {"user": "nobody", "resourceAttributes": PODS})
    local["metadata"] = {"namespace": "default"}
    assert create(shell, local)["status"]["allowed"] is False


def test_a_self_subject_rules_review(shell):
    status = create(shell, review("SelfSubjectRulesReview", {"namespace": "default"}))["status"]
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]} in status["resourceRules"]


def test_a_self_subject_review(shell):
    whoami = review("SelfSubjectReview", {})
    del whoami["spec"]
    assert create(shell, whoami)["status"]["userInfo"]["username"]


def test_a_token_review(shell):
    token = shell.kubectl("create", "token", "default").strip()
    status = create(shell, review("TokenReview", {"token": token}))["status"]
    assert status["authenticated"] is True
    assert status["user"]["username"] == "system:serviceaccount:default:default"
    assert not create(shell, review("TokenReview", {"token": "x"}))["status"].get("authenticated")


def test_a_list(shell):
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "listed"},
        "spec": {"ports": [{"name": "a", "port": 80, "targetPort": "web"}, {"name": "b", "port": 81, "targetPort": 81}]},
    }
    web = deployment("listed", "default", replicas=0)
    container = web["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"requests": {"cpu": 1, "memory": "1Gi"}}
    both = {"apiVersion": "v1", "kind": "List", "items": [service, web]}
    shell.kubectl("create", "-f", "-", stdin=json.dumps(both))
    assert [item["kind"] for item in shell.items("service/listed", "deployment/listed")] == ["Service", "Deployment"]
    container["imagee"] = "nginx"
    assert 'unknown field "imagee" in io.k8s.api.core.v1.Container' in refused(shell, both)


def test_a_misspelt_field(shell):
    said = refused(shell, review("SelfSubjectAccessReview", {"resourceAttribute": PODS}))
    assert (
        "error validating data: ValidationError(SelfSubjectAccessReview.spec): "
        'unknown field "resourceAttribute" in io.k8s.api.authorization.v1.SelfSubjectAccessReviewSpec'
    ) in said


def test_a_missing_field_and_a_wrong_type(shell):
    missing = review("SubjectAccessReview", {})
    del missing["spec"]
    assert 'missing required field "spec" in io.k8s.api.authorization.v1.SubjectAccessReview' in refused(shell, missing)
    wrong = review("TokenReview", {"audiences": "a"})
    said = refused(shell, wrong)
    assert 'invalid type for io.k8s.api.authentication.v1.TokenReviewSpec.audiences: got "string", expected "array"' in said


def test_validation_can_be_turned_off(shell):
    misspelt = review("SelfSubjectAccessReview", {"resourceAttributes": PODS, "x": 1})
    assert 'unknown field "x" in io.k8s.api.authorization.v1.SelfSubjectAccessReview' in refused(shell, misspelt)
    shell.kubectl("create", "--validate=false", "-f", "-", stdin=json.dumps(misspelt))
