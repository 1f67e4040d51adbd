"""What the cluster does by itself, as kubectl shows it: quotas, autoscalers, tokens, certificates, roles."""

import base64
import json
import shutil

import pytest
from tools import ROLE, Shell, deployment, until

CLUSTER = "controllers"


@pytest.fixture(scope="module")
def shell():
    shell = Shell()
    shell.make_cluster(CLUSTER, 1)
    return shell


def test_the_api_server_has_endpoints(shell):
    table = until("endpoints", lambda: "192.168." in shell.kubectl("get", "endpoints", "kubernetes"))
    assert table
    described = shell.kubectl("describe", "service", "kubernetes")
    assert "10.100.0.1" in described
    endpoints = shell.get("endpoints", "kubernetes")["subsets"][0]
    assert len(endpoints["addresses"]) == 2
    assert endpoints["ports"] == [{"name": "https", "port": 443, "protocol": "TCP"}]
    slices = shell.kubectl("get", "endpointslices", "kubernetes", "--no-headers").split()
    assert slices[:3] == ["kubernetes", "IPv4", "443"]
    shell.kubectl("delete", "service", "kubernetes")
    until("it is there again", lambda: shell.kubectl("get", "service", "--ignore-not-found", "kubernetes"))
    names = until(
        "the name server has pods",
        lambda: shell.get("endpoints", "-n", "kube-system", "kube-dns").get("subsets"),
    )
    assert {port["port"] for port in names[0]["ports"]} == {53, 9153}


def test_a_quota_is_counted_and_enforced(shell):
    shell.kubectl("create", "namespace", "small")
    shell.kubectl("create", "quota", "q", "-n", "small", "--hard=pods=2,requests.cpu=1,count/deployments.apps=1")
    until("it is counted", lambda: shell.get("quota", "q", "-n", "small").get("status", {}).get("used"))
    run = ["run", "-n", "small", "--image=nginx", "--overrides"]
    spec = {"spec": {"containers": [{
        "name": "c", "image": "nginx", "resources": {"requests": {"cpu": "100m"}},
    }]}}
    refused = shell.fails("kubectl", "run", "-n", "small", "--image=nginx", "free")
    assert "failed quota: q: must specify requests.cpu for: free" in refused
    for name in ("a", "b"):
        shell.kubectl(*run, json.dumps(spec), name)
    used = shell.get("quota", "q", "-n", "small")["status"]["used"]
    assert used == {"pods": "2", "requests.cpu": "200m", "count/deployments.apps": "0"}
    refused = shell.fails("kubectl", *run, json.dumps(spec), "c")
    assert "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2" in refused
    described = shell.kubectl("describe", "quota", "q", "-n", "small").splitlines()
    assert ["pods", "2", "2"] in [line.split() for line in described]
    shell.kubectl("delete", "pod", "-n", "small", "a", "--now")
    until("it is free again", lambda: shell.get("quota", "q", "-n", "small")["status"]["used"]["pods"] == "1")
    shell.kubectl(*run, json.dumps(spec), "c")


def test_an_autoscaler_says_that_nobody_measures(shell):
    web = deployment("scaled", "default")
    web["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100m"}}
    shell.apply(web)
    shell.kubectl("autoscale", "deployment", "scaled", "--cpu=50%", "--min=2", "--max=4")
    shell.kubectl("wait", "deployment/scaled", "--for=jsonpath={.spec.replicas}=2", "--timeout=30s")
    row = shell.kubectl("get", "hpa", "scaled", "--no-headers").split()
    assert row[1:6] == ["Deployment/scaled", "cpu:", "<unknown>/50%", "2", "4"]
    described = until(
        "it says why",
        lambda: (text := shell.kubectl("describe", "hpa", "scaled")) and "FailedGetResourceMetric" in text and text,
    )
    assert "no metrics returned from resource metrics API" in described
    assert "SuccessfulRescale" in described
    assert "metrics not available" in shell.fails("kubectl", "top", "pods", "-l", "app=scaled")
    assert "metrics not available yet" in shell.fails("kubectl", "top", "nodes")
    shell.kubectl("delete", "hpa,deployment", "scaled")


def test_a_secret_gets_a_token_of_its_account(shell):
    shell.kubectl("create", "serviceaccount", "robot")
    shell.kubectl("create", "clusterrolebinding", "robot", "--clusterrole=view", "--serviceaccount=default:robot")
    shell.apply({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "robot", "annotations": {"kubernetes.io/service-account.name": "robot"}},
        "type": "kubernetes.io/service-account-token",
    })
    data = until("a token", lambda: shell.get("secret", "robot").get("data"))
    assert sorted(data) == ["ca.crt", "namespace", "token"]
    token = base64.b64decode(data["token"]).decode()
    described = shell.kubectl("describe", "secret", "robot")
    assert token in described
    # A kubeconfig without other credentials.
    config = json.loads(shell.kubectl("config", "view", "--raw", "-o", "json"))
    config["users"][0]["user"] = {"token": token}
    path = f"{shell.home}/robot.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(config, file)
    robot = ["--kubeconfig", path]
    who = shell.kubectl(*robot, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    assert who == "system:serviceaccount:default:robot"
    shell.kubectl(*robot, "get", "pods")
    shell.kubectl("delete", "serviceaccount", "robot")
    until("it goes with its account", lambda: not shell.kubectl("get", "secret", "robot", "--ignore-not-found"))
    assert "Unauthorized" in shell.fails("kubectl", *robot, "get", "pods")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not there")
def test_certificates_are_approved_and_signed(shell):
    shell.run(
        "openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{shell.home}/key.pem",
        "-out", f"{shell.home}/request.pem", "-subj", "/O=shop/CN=web.default.svc",
        "-addext", "subjectAltName=DNS:web.default.svc",
    )
    with open(f"{shell.home}/request.pem", "rb") as file:
        request = base64.b64encode(file.read()).decode()

    def ask(name, signer, usages):
        shell.apply({
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": {"request": request, "signerName": signer, "usages": usages, "expirationSeconds": 86400},
        })

    def condition(name):
        return shell.kubectl("get", "csr", name, "--no-headers").split()[-1]

    serving = ["digital signature", "key encipherment", "server auth"]
    ask("web", "beta.eks.amazonaws.com/app-serving", serving)
    assert condition("web") == "Pending"
    shell.kubectl("certificate", "approve", "web")
    until("it is issued", lambda: condition("web") == "Approved,Issued")
    issued = base64.b64decode(shell.get("csr", "web")["status"]["certificate"])
    with open(f"{shell.home}/issued.pem", "wb") as file:
        file.write(issued)
    ca = json.loads(shell.kubectl("config", "view", "--raw", "-o", "json"))
    ca = base64.b64decode(ca["clusters"][0]["cluster"]["certificate-authority-data"])
    with open(f"{shell.home}/ca.pem", "wb") as file:
        file.write(ca)
    assert "OK" in shell.run("openssl", "verify", "-CAfile", f"{shell.home}/ca.pem", f"{shell.home}/issued.pem")
    shown = shell.run("openssl", "x509", "-in", f"{shell.home}/issued.pem", "-noout", "-text")
    assert "DNS:web.default.svc" in shown
    assert "TLS Web Server Authentication" in shown
    ask("denied", "beta.eks.amazonaws.com/app-serving", serving)
    shell.kubectl("certificate", "deny", "denied")
    assert condition("denied") == "Denied"
    # EKS signs no certificates of clients.
    ask("jane", "kubernetes.io/kube-apiserver-client", ["client auth"])
    shell.kubectl("certificate", "approve", "jane")
    assert condition("jane") == "Approved"
    # Who may approve requests of one signer may not approve those of another.
    shell.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "approver"},
            "rules": [
                {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests"],
                 "verbs": ["get", "list", "watch"]},
                {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests/approval"],
                 "verbs": ["update"]},
                {"apiGroups": ["certificates.k8s.io"], "resources": ["signers"],
                 "resourceNames": ["example.com/*"], "verbs": ["approve"]},
            ],
        },
    )
    shell.kubectl("create", "clusterrolebinding", "approver", "--clusterrole=approver", "--user=ann")
    ask("other", "beta.eks.amazonaws.com/app-serving", serving)
    refused = shell.fails("kubectl", "--as=ann", "certificate", "approve", "other")
    assert 'user not permitted to approve requests with signerName "beta.eks.amazonaws.com/app-serving"' in refused
    ask("mine", "example.com/mine", serving)
    shell.kubectl("--as=ann", "certificate", "approve", "mine")


def test_roles_are_summed_up(shell):
    rule = {"apiGroups": ["shop.example.com"], "resources": ["orders"], "verbs": ["get"]}
    shell.apply({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {
            "name": "orders",
            "labels": {"rbac.authorization.k8s.io/aggregate-to-view": "true"},
        },
        "rules": [rule],
    })
    for role in ("view", "edit", "admin"):
        until(f"{role} has it", lambda role=role: rule in shell.get("clusterrole", role)["rules"])
    shell.kubectl("create", "rolebinding", "reader", "--clusterrole=view", "--user=ann")
    # `auth can-i` knows no group of a resource that no definition has.
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": "ann",
            "resourceAttributes": {
                "namespace": "default", "verb": "get", "group": "shop.example.com", "resource": "orders",
            },
        },
    }

    def may():
        answer = shell.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(review))
        return json.loads(answer)["status"]["allowed"]

    until("ann may", may)
    shell.kubectl("delete", "clusterrole", "orders")
    until("nobody has it", lambda: rule not in shell.get("clusterrole", "admin")["rules"])


def test_events_tell_the_kubelet(shell):
    shell.kubectl("run", "told", "--image=nginx")
    until("it runs", lambda: "Running" in shell.kubectl("get", "pod", "told", "--no-headers"))
    node = shell.kubectl("get", "pod", "told", "-o", "jsonpath={.spec.nodeName}")
    events = until(
        "it started",
        lambda: [e for e in shell.items("events", "--field-selector=involvedObject.name=told") if e["reason"] == "Started"],
    )
    assert events[0]["source"] == {"component": "kubelet", "host": node}
    assert events[0]["reportingInstance"] == node
    started = [line.split() for line in shell.kubectl("describe", "pod", "told").splitlines() if "Started" in line]
    assert "kubelet" in started[-1]
    shell.kubectl("delete", "pod", "told", "--now")


def test_a_cluster_without_its_own_addons_is_bare(shell):
    bare = Shell()
    bare.aws(
        "eks", "create-cluster", "--name", "bare", "--role-arn", f"{ROLE}/eks",
        "--resources-vpc-config", "subnetIds=subnet-1,subnet-2", "--no-bootstrap-self-managed-addons",
    )
    bare.aws("eks", "wait", "cluster-active", "--name", "bare")
    bare.aws("eks", "update-kubeconfig", "--name", "bare", "--kubeconfig", bare.kubeconfig)
    assert bare.items("daemonsets,deployments,pods,services", "-n", "kube-system") == []
    assert bare.kubectl("get", "storageclass", "-o", "name").strip() == "storageclass.storage.k8s.io/gp2"
    bare.aws("eks", "delete-cluster", "--name", "bare")
