"""A database of a primary and two secondaries from a Helm chart on machines of a node group, a page for its
administrators beside it, and an application on Fargate that reaches it across namespaces, deployed as a CI
job does it."""

import base64
import os
import re
import subprocess
import urllib.request

import pytest

import images
from engines import Server, left_behind
from tools import ROLE, Shell, deployment, until

server = Server()
shell = Shell()
RELEASE = "my-release"
PASSWORD = "secret-root-pass"
REGISTRY = "000000000000.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture(scope="module", autouse=True)
def cluster():
    image = images.push(shell, "mysql", "10.11", images.database, images.DATABASE)
    images.push(shell, "admin", "1", images.admin, images.ADMIN)
    shell.make_cluster("my-cluster", nodes=3)
    shell.aws("eks", "create-addon", "--cluster-name", "my-cluster", "--addon-name", "aws-ebs-csi-driver")
    shell.aws(
        "eks", "create-fargate-profile", "--cluster-name", "my-cluster", "--fargate-profile-name", "my-fargate-profile",
        "--selectors", "namespace=my-app", "--pod-execution-role-arn", f"{ROLE}/pods", "--subnets", "subnet-1",
    )
    values = {
        "image": image, "architecture": "replication",
        "auth.rootPassword": PASSWORD, "auth.database": "my-app-db", "auth.username": "my-user", "auth.password": "my-pass",
        "volumePermissions.enabled": "true", "secondary.persistence.enabled": "false",
    }
    chart = os.path.join(os.path.dirname(__file__), "mysql")
    settings = [word for name, value in values.items() for word in ["--set", f"{name}={value}"]]
    printed = shell.run("helm", "install", RELEASE, chart, "--wait", "--timeout", "120s", *settings, timeout=150)
    assert "STATUS: deployed" in printed
    yield
    shell.kubectl("delete", "namespace", "my-app", "--ignore-not-found")
    shell.run("helm", "uninstall", RELEASE, "--wait")
    shell.kubectl("delete", "deployment,pvc", "--all")
    until("no volume is left", lambda: not shell.items("persistentvolumes"))
    shell.aws("eks", "delete-fargate-profile", "--cluster-name", "my-cluster", "--fargate-profile-name", "my-fargate-profile")
    shell.aws("eks", "delete-nodegroup", "--cluster-name", "my-cluster", "--nodegroup-name", "nodes")
    for what, name in [("nodegroup", "nodes"), ("fargate-profile", "my-fargate-profile")]:
        shell.aws("eks", "wait", f"{what}-deleted", "--cluster-name", "my-cluster", f"--{what}-name", name)
    shell.aws("eks", "delete-cluster", "--name", "my-cluster")
    shell.aws("eks", "wait", "cluster-deleted", "--name", "my-cluster")
    assert left_behind(server.data) == []
    server.stop()


def sql(pod, statement, database=""):
    command = f"mariadb -uroot -p\"$MYSQL_ROOT_PASSWORD\" -N {database} -e '{statement}'"
    return shell.kubectl("exec", pod, "-c", "mysql", "--", "bash", "-c", command).splitlines()


def page(namespace, target, path):
    """A page of a service, by a port that kubectl forwards."""
    command = ["kubectl", "-n", namespace, "port-forward", target, ":8080"]
    with subprocess.Popen(command, env=shell.environ, stdout=subprocess.PIPE, text=True) as forward:
        try:
            port = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline()).group(1)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.read().decode().splitlines()
        finally:
            forward.terminate()


def text(name):
    """A ConfigMap or Secret of the course, for a namespace."""
    return {
        "db-config": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "db-config"}, "data": {}},
        "db-secret": {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db-secret"}, "type": "Opaque",
            "stringData": {"db_user": "my-user", "db_pwd": "my-pass", "db_name": "my-app-db", "db_root_pwd": PASSWORD},
        },
    }[name]


def from_secret(name, key):
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": "db-secret", "key": key}}}


def config(host):
    return dict(text("db-config"), data={"db_server": host})


def from_config(name):
    return {"name": name, "valueFrom": {"configMapKeyRef": {"name": "db-config", "key": "db_server"}}}


def test_the_secondaries_have_what_the_primary_was_told():
    names = [pod["metadata"]["name"] for pod in shell.items("pods", "-l", f"app.kubernetes.io/instance={RELEASE}")]
    assert sorted(names) == [f"{RELEASE}-mysql-{rest}" for rest in ["primary-0", "secondary-0", "secondary-1"]]
    sql(f"{RELEASE}-mysql-primary-0", "create table kept (a int); insert into kept values (42)", "my-app-db")
    for number in [0, 1]:
        pod = f"{RELEASE}-mysql-secondary-{number}"
        until("the row is there", lambda pod=pod: "kept" in sql(pod, "show tables", "my-app-db"))
        until("the row is there", lambda pod=pod: sql(pod, "select a from kept", "my-app-db") == ["42"])
        refused = shell.fails(
            "kubectl", "exec", pod, "--", "bash", "-c",
            'mariadb -h localhost -umy-user -pmy-pass my-app-db -e "insert into kept values (1)"',
        )
        assert "read-only" in refused or "read only" in refused, refused


def test_a_client_finds_pods_and_services_by_name():
    secret = shell.get("secret", f"{RELEASE}-mysql")["data"]["mysql-root-password"]
    assert base64.b64decode(secret).decode() == PASSWORD
    hosts = {f"{RELEASE}-mysql-primary.default.svc.cluster.local": "1"}
    for n in [0, 1]:
        hosts[f"{RELEASE}-mysql-secondary-{n}.{RELEASE}-mysql-secondary-headless"] = f"10{n}"
    for host, number in hosts.items():
        printed = shell.run(
            "kubectl", "run", "my-release-mysql-client", "--rm", "-i", "--restart=Never", "--quiet",
            f"--image={REGISTRY}/mysql:10.11", "--env", f"MYSQL_ROOT_PASSWORD={PASSWORD}", "--command", "--", "bash",
            stdin=f'mariadb -h {host} -uroot -p"$MYSQL_ROOT_PASSWORD" -N -e "select @@server_id"\n',
        )
        assert printed.split()[-1] == number, printed


def test_what_a_claim_holds_outlives_the_pod():
    pod = f"{RELEASE}-mysql-primary-0"
    before = shell.get("pod", pod)["metadata"]["uid"]
    sql(pod, "create table if not exists claim (a int); insert into claim values (7)", "my-app-db")
    shell.kubectl("delete", "pod", pod)
    until("another is there", lambda: before not in shell.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.uid}"))
    shell.kubectl("rollout", "status", f"statefulset/{RELEASE}-mysql-primary", "--timeout=60s")
    assert sql(pod, "select a from claim", "my-app-db") == ["7"]
    assert "the tables are there" in shell.kubectl("logs", pod, "-c", "install")
    for number in [0, 1]:
        secondary = f"{RELEASE}-mysql-secondary-{number}"
        until("it follows again", lambda pod=secondary: "claim" in sql(pod, "show tables", "my-app-db"))


def test_the_page_of_the_administrators():
    shell.apply(config(f"{RELEASE}-mysql-primary"), text("db-secret"))
    admin = deployment("phpmyadmin", "default", image=f"{REGISTRY}/admin:1")
    container = admin["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [from_config("PMA_HOST"), from_secret("MYSQL_ROOT_PASSWORD", "db_root_pwd")]
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "phpmyadmin-service"},
        "spec": {"selector": {"app": "phpmyadmin"}, "ports": [{"port": 8080, "targetPort": 8080}]},
    }
    shell.apply(admin, service)
    shell.kubectl("rollout", "status", "deployment/phpmyadmin", "--timeout=60s")
    assert "my-app-db" in page("default", "service/phpmyadmin-service", "/cgi-bin/databases")


def test_the_application_on_fargate_deployed_by_ci():
    """The steps of a CI job: a repository, a tag for each build, a pull secret from ECR's login."""
    shell.kubectl("create", "namespace", "my-app")
    password = shell.aws("ecr", "get-login-password").strip()
    shell.kubectl(
        "-n", "my-app", "create", "secret", "docker-registry", "aws-registry-key", f"--docker-server={REGISTRY}",
        "--docker-username=AWS", f"--docker-password={password}",
    )
    image = images.push(shell, "java-app", "1.0.1-7", images.admin, images.ADMIN)
    shell.apply(config(f"{RELEASE}-mysql-primary.default"), text("db-secret"), arguments=["-n", "my-app"])
    app = deployment("java-app", "my-app", replicas=3, image=image, imagePullSecrets=[{"name": "aws-registry-key"}])
    container = app["spec"]["template"]["spec"]["containers"][0]
    container["imagePullPolicy"] = "Always"
    container["env"] = [
        from_secret("DB_USER", "db_user"), from_secret("DB_PWD", "db_pwd"), from_secret("DB_NAME", "db_name"),
        from_config("DB_SERVER"),
    ]
    shell.apply(app)
    shell.kubectl("-n", "my-app", "rollout", "status", "deployment/java-app", "--timeout=60s")
    pods = shell.items("pods", "-n", "my-app", "-l", "app=java-app")
    assert len(pods) == 3
    assert all(pod["spec"]["nodeName"].startswith("fargate-ip-") for pod in pods)
    names = {pod["metadata"]["name"] for pod in pods}
    for name in sorted(names):
        seen = page("my-app", f"pod/{name}", "/cgi-bin/visits")
        assert f"{name}\t1" in seen, seen
    rows = sql(f"{RELEASE}-mysql-secondary-0", "select count(*) from visits", "my-app-db")
    until("the secondary has them", lambda: rows == ["3"] or sql(f"{RELEASE}-mysql-secondary-0", "select count(*) from visits", "my-app-db") == ["3"])
