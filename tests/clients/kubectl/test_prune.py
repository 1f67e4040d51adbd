"""`wharf prune` removes what is left of a server that is gone with its directory, and nothing of another's."""

import os
import shutil
import subprocess

import images
from engines import Server, left_behind, of_docker, running
from tools import Shell, deployment


def prune(data, *options):
    command = [os.environ["WHARF_BINARY"], "prune", "--data-dir", data, *options]
    return subprocess.run(command, env={}, check=True, capture_output=True, text=True, timeout=60).stdout


def serve(pods):
    server = Server()
    shell = Shell()
    image = images.push(shell, "shop", "1", images.shop, images.SHOP)
    shell.make_cluster("dev", nodes=1)
    shell.apply(deployment("shop", "default", replicas=pods, image=image))
    shell.kubectl("rollout", "status", "deployment/shop", "--timeout=60s")
    return server, shell


def test_only_what_nobody_owns_is_removed():
    lost, shell = serve(2)
    pods = [pod["metadata"]["uid"] for pod in shell.items("pods")]
    instance = of_docker(lost.data, "container")
    stays, other = serve(1)
    before = running(stays.data)
    # A server that runs, and one that does not, own what they have.
    for options in [["--dry-run"], []]:
        printed = prune(stays.data, *options)
        assert lost.data not in printed and not any(pod in printed for pod in pods), printed
    lost.kill()
    prune(lost.data)
    assert len(running(lost.data)) == 4

    names = {line.split()[1][:12] for line in instance}
    identity = os.path.join(lost.data, "pods", "docker", "instance")
    identity = open(identity).read() if os.path.exists(identity) else None
    shutil.rmtree(lost.data)
    printed = prune(lost.data, "--dry-run")
    expected = names if names else {f"{lost.data}/pods"}
    assert all(name in printed for name in expected) and "Would remove" in printed, printed
    prune(lost.data)
    assert not os.path.exists(lost.data)
    if identity:
        os.makedirs(os.path.join(lost.data, "pods", "docker"))
        with open(os.path.join(lost.data, "pods", "docker", "instance"), "w") as file:
            file.write(identity)
    assert left_behind(lost.data, pods) == []

    assert running(stays.data) == before and len(before) == 2
    assert other.kubectl("exec", "deployment/shop", "--", "echo", "here") == "here\n"
    other.aws("eks", "delete-nodegroup", "--cluster-name", "dev", "--nodegroup-name", "nodes")
    other.aws("eks", "wait", "nodegroup-deleted", "--cluster-name", "dev", "--nodegroup-name", "nodes")
    other.aws("eks", "delete-cluster", "--name", "dev")
    other.aws("eks", "wait", "cluster-deleted", "--name", "dev")
    assert left_behind(stays.data) == []
    assert prune(stays.data, "--dry-run").count(stays.data) == 0
    stays.stop()
