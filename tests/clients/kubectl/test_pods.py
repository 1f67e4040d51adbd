"""From docker push to an answering container: the tour of the README with real processes, on machines of a
node group and on Fargate."""

import json
import os
import re
import subprocess
import urllib.error
import urllib.request

import pytest

import images
from engines import Server, left_behind
from tools import Failed, Shell, deployment, until

server = Server()
shell = Shell()


@pytest.fixture(scope="module", autouse=True)
def cluster():
    image = images.push(shell, "shop", "1", images.shop, images.SHOP)
    shell.make_cluster("dev", nodes=2)
    shell.aws(
        "eks", "create-fargate-profile", "--cluster-name", "dev", "--fargate-profile-name", "web",
        "--selectors", "namespace=web", "--pod-execution-role-arn", "arn:aws:iam::000000000000:role/pods",
        "--subnets", "subnet-1",
    )
    shell.kubectl("create", "namespace", "web")
    for namespace in ["default", "web"]:
        shop = deployment("shop", namespace, replicas=2, image=image)
        # As the first process of a container it has to handle SIGTERM itself, and httpd does not.
        shop["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1
        container = shop["spec"]["template"]["spec"]["containers"][0]
        container["readinessProbe"] = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
        container["ports"] = [{"name": "http", "containerPort": 8080}]
        service = {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop", "namespace": namespace},
            "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": "http"}]},
        }
        shell.apply(shop, service)
    for namespace in ["default", "web"]:
        shell.kubectl("-n", namespace, "rollout", "status", "deployment/shop", "--timeout=60s")
    yield
    for namespace in ["default", "web"]:
        shell.kubectl("-n", namespace, "delete", "deployment,service", "--all")
    shell.aws("eks", "delete-fargate-profile", "--cluster-name", "dev", "--fargate-profile-name", "web")
    shell.aws("eks", "delete-nodegroup", "--cluster-name", "dev", "--nodegroup-name", "nodes")
    shell.aws("eks", "wait", "nodegroup-deleted", "--cluster-name", "dev", "--nodegroup-name", "nodes")
    shell.aws("eks", "wait", "fargate-profile-deleted", "--cluster-name", "dev", "--fargate-profile-name", "web")
    shell.aws("eks", "delete-cluster", "--name", "dev")
    shell.aws("eks", "wait", "cluster-deleted", "--name", "dev")
    assert left_behind(server.data) == []
    server.stop()


def pods(namespace):
    return shell.items("pods", "-n", namespace, "-l", "app=shop")


def names(namespace):
    return {pod["metadata"]["name"] for pod in pods(namespace)}


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode().strip()


def get_from(place, port):
    # All names below localhost are this computer; Python leaves that to the system, which may not know.
    return get(f"http://{'127.0.0.1' if place.endswith('.localhost') else place}:{port}/")


def from_pod(namespace, host):
    """What a pod is answered by a host, which it finds by the name."""
    script = f"exec 3<>/dev/tcp/{host}/80 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3"
    return shell.kubectl("-n", namespace, "exec", "deployment/shop", "--", "bash", "-c", script).splitlines()[-1]


def forwarded(namespace, target):
    """What is answered at a port of this computer that kubectl forwards."""
    command = ["kubectl", "-n", namespace, "port-forward", target, ":80"]
    with subprocess.Popen(command, env=shell.environ, stdout=subprocess.PIPE, text=True) as forward:
        try:
            port = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline()).group(1)
            return get(f"http://127.0.0.1:{port}/")
        finally:
            forward.terminate()


@pytest.mark.parametrize("namespace, prefix", [("default", "ip-"), ("web", "fargate-ip-")])
def test_pods_run_where_they_belong(namespace, prefix):
    for pod in pods(namespace):
        assert pod["spec"]["nodeName"].startswith(prefix)
        status = pod["status"]["containerStatuses"][0]
        assert re.search(r"/shop@sha256:[0-9a-f]{64}$", status["imageID"]), status
        assert shell.kubectl("-n", namespace, "logs", pod["metadata"]["name"]) == "open at 8080\n"
    if namespace == "web":
        nodes = {pod["spec"]["nodeName"] for pod in pods(namespace)}
        assert len(nodes) == 2


@pytest.mark.parametrize("namespace", ["default", "web"])
def test_a_service_answers_at_a_forwarded_port(namespace):
    assert forwarded(namespace, "service/shop") in names(namespace)


@pytest.mark.parametrize("namespace", ["default", "web"])
def test_a_load_balancer_answers_at_this_computer(namespace):
    kubectl = lambda *words: shell.kubectl("-n", namespace, *words)  # noqa: E731
    kubectl("expose", "deployment", "shop", "--name=front", "--type=LoadBalancer", "--port=80", "--target-port=http")

    def places():
        service = shell.get("service", "front", "-n", namespace)
        return service if service["status"]["loadBalancer"].get("ingress") else None

    service = until("the load balancer has an address", places)
    # If the port is taken at all addresses, the service says which one it is.
    moved = service["metadata"].get("annotations", {}).get("wharf.dev/load-balancer-ports", "80=80")
    port = dict(pair.split("=") for pair in moved.split(","))["80"]
    places = {place.get("ip") or place["hostname"] for place in service["status"]["loadBalancer"]["ingress"]}
    assert any(place.startswith("127.") for place in places), places
    for place in places:
        answers = lambda: {get_from(place, port) for _ in range(8)}  # noqa: E731
        until(f"every pod answers at {place}", lambda: answers() == names(namespace))
        assert place in kubectl("get", "service", "front")
    node_port = service["spec"]["ports"][0]["nodePort"]
    assert get_from("127.0.0.1", node_port) in names(namespace)
    kubectl("delete", "service", "front")
    with pytest.raises(OSError):
        get_from(next(place for place in places if place.startswith("127.")), port)


def test_an_ingress_answers_at_this_computer():
    shell.kubectl("create", "ingress", "front", "--class=alb", "--rule=shop.localhost/*=shop:80")

    def reconciled():
        events = shell.kubectl("events", "--for", "ingress/front")
        return re.search(r"http at (127\.[\d.]+):(\d+), https at", events)

    ip, port = until("the ingress has an address", reconciled).groups()

    def ask(host):
        request = urllib.request.Request(f"http://{ip}:{port}/", headers={"Host": host})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode().strip()

    until("every pod answers", lambda: {ask("shop.localhost") for _ in range(8)} == names("default"))
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask("other.localhost")
    assert refused.value.code == 404
    assert ".elb.localhost" in shell.kubectl("get", "ingress", "front")
    shell.kubectl("delete", "ingress", "front")


def test_what_pods_use_is_shown():
    def shown():
        try:
            return shell.kubectl("top", "pods", "--no-headers").splitlines()
        except Failed:
            return []  # They are looked at every 15 seconds, and there are figures after the second time.

    lines = until("there are figures of all pods", lambda: shown() if len(shown()) == 2 else None)
    for line in lines:
        assert re.search(r"^shop-\S+\s+\d+m\s+\d+Mi", line), line


def test_a_pod_acts_as_a_role():
    """As the SDKs of AWS do it in a pod: with the token that it was given, at the address that it was told."""
    shell.kubectl("create", "serviceaccount", "keeper")
    shell.aws(
        "eks", "create-pod-identity-association", "--cluster-name", "dev", "--namespace", "default",
        "--service-account", "keeper", "--role-arn", "arn:aws:iam::000000000000:role/keeper",
    )
    account = json.dumps({"spec": {"serviceAccountName": "keeper"}})
    image = "000000000000.dkr.ecr.us-east-1.amazonaws.com/shop:1"
    shell.kubectl("run", "keeper", f"--image={image}", f"--overrides={account}")
    shell.kubectl("wait", "--for=condition=Ready", "pod/keeper", "--timeout=60s")
    asked = [
        "exec 3<>/dev/tcp/169.254.170.23/80",
        'printf "GET ${AWS_CONTAINER_CREDENTIALS_FULL_URI#http://169.254.170.23} HTTP/1.0\\r\\n" >&3',
        'printf "Host: 169.254.170.23\\r\\nAuthorization: %s\\r\\n\\r\\n" "$(cat $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE)" >&3',
        "cat <&3",
    ]
    answer = shell.kubectl("exec", "keeper", "--", "bash", "-c", "; ".join(asked))
    given = json.loads(answer.split("\n\n", 1)[1])
    environ = {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["Token"],
    }
    who = subprocess.run(
        ["aws", "sts", "get-caller-identity", "--query", "Arn", "--output", "text"],
        env=dict(shell.environ, **environ), check=True, capture_output=True, text=True, timeout=60,
    ).stdout
    assert who.startswith("arn:aws:sts::000000000000:assumed-role/keeper/"), who
    shell.kubectl("delete", "pod", "keeper", "--now")


@pytest.mark.parametrize("namespace", ["default", "web"])
@pytest.mark.parametrize("of", ["default", "web"])
def test_pods_find_services_by_their_names(namespace, of):
    assert from_pod(namespace, f"shop.{of}.svc.cluster.local") in names(of)
    if namespace == of:
        assert from_pod(namespace, "shop") in names(of)
    seen = until("every pod answers", lambda: {from_pod(namespace, f"shop.{of}") for _ in range(8)} == names(of))
    assert seen


def test_commands_run_in_a_pod():
    name = sorted(names("default"))[0]
    assert shell.kubectl("exec", name, "--", "hostname") == f"{name}\n"
    assert shell.kubectl("exec", "-i", name, "--", "cat", stdin="typed\n") == "typed\n"
    assert "exit code 3" in shell.fails("kubectl", "exec", name, "--", "sh", "-c", "exit 3")
    # Nothing of the environment of the server, nor of its home.
    environment = shell.kubectl("exec", name, "--", "env")
    assert "AWS_" not in environment and "HOME=/" in environment, environment


def test_a_pod_talks_to_the_api_with_its_token():
    """`kubernetes.default.svc` is there, and takes the token that is mounted."""
    folder = "/var/run/secrets/kubernetes.io/serviceaccount"
    name = sorted(names("default"))[0]
    token = shell.kubectl("exec", name, "--", "cat", f"{folder}/token")
    who = shell.run("kubectl", "--token", token, "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    assert who == "kubernetes-admin" or who == "system:serviceaccount:default:default"
    assert shell.kubectl("exec", name, "--", "cat", f"{folder}/namespace") == "default"
    script = "exec 3<>/dev/tcp/kubernetes.default.svc/443 && echo open"
    assert shell.kubectl("exec", name, "--", "bash", "-c", script) == "open\n"


def test_a_new_image_is_rolled_out_and_back():
    def two(root):
        images.shop(root)
        with open(os.path.join(root, "www", "two"), "w") as file:
            file.write("two")

    image = images.push(shell, "shop", "2", two, images.SHOP)
    shell.kubectl("-n", "web", "set", "image", "deployment/shop", f"shop={image}")
    shell.kubectl("-n", "web", "rollout", "status", "deployment/shop", "--timeout=60s")
    look = ["-n", "web", "exec", "deployment/shop", "--", "cat", "/www/two"]
    assert shell.kubectl(*look) == "two"
    shell.kubectl("-n", "web", "rollout", "undo", "deployment/shop")
    shell.kubectl("-n", "web", "rollout", "status", "deployment/shop", "--timeout=60s")
    until("only the old pods are there", lambda: len(names("web")) == 2)
    shell.fails("kubectl", *look)


def test_an_image_that_is_not_there_says_what_to_do():
    shell.kubectl("run", "lost", "--image=000000000000.dkr.ecr.us-east-1.amazonaws.com/lost:1")

    def waits():
        status = shell.get("pod", "lost")["status"].get("containerStatuses", [{}])[0]
        return status.get("state", {}).get("waiting", {}).get("reason") in ["ErrImagePull", "ImagePullBackOff"]

    until("the pod waits for its image", waits)
    events = shell.kubectl("events", "--for", "pod/lost")
    assert "Failed to pull image" in events and "create-repository" in events, events
    shell.kubectl("delete", "pod", "lost", "--now")


def test_a_pod_to_look_around():
    printed = shell.run(
        "kubectl", "run", "look", "-i", "--rm", "--restart=Never", "--quiet",
        "--image=000000000000.dkr.ecr.us-east-1.amazonaws.com/shop:1", "--command", "--", "sh",
        stdin="hostname; exit 0\n",
    )
    assert "look\n" in printed
