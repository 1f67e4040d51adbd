"""The server is killed under running pods: they run on, are found again, and nothing doubles; when all is
deleted nothing is left of them."""

import os
import time

import pytest

import images
from engines import Server, left_behind, running, ways_out
from tools import Shell, deployment, until


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shell(server):
    return Shell()


def ticking(root):
    images.shell_root(root)
    with open(os.path.join(root, "start"), "w") as file:
        file.write("#!/bin/bash\ntrap 'exit 0' TERM\nfor ((n = 1; ; n++)); do echo $n; sleep 0.05; done\n")
    os.chmod(os.path.join(root, "start"), 0o755)


@pytest.fixture(scope="module")
def image(shell):
    return images.push(shell, "ticking", "1", ticking, ["ENV PATH=/bin", 'ENTRYPOINT ["/start"]'])


def states(shell):
    """How each pod's only container is, by the pod."""
    return {
        pod["metadata"]["name"]: (status["containerID"], status["restartCount"])
        for pod in shell.items("pods")
        for status in pod["status"].get("containerStatuses", [])
        if "containerID" in status
    }


def ticks(shell, pod):
    return [int(line) for line in shell.kubectl("logs", pod).split()]


def test_a_killed_server_finds_its_pods_and_leaves_nothing_in_the_end(server, shell, image):
    shell.make_cluster("dev", nodes=2)
    shell.apply(deployment("ticking", "default", replicas=3, image=image))
    shell.kubectl("rollout", "status", "deployment/ticking", "--timeout=60s")
    before, all = states(shell), running(server.data)
    assert len(before) == 3 and len(all) == 6, all
    first = {pod: ticks(shell, pod)[-1] for pod in before}
    for _ in range(3):
        server.kill()
        # Nobody looks after the pods now, and they write on.
        time.sleep(0.3)
        server.start()
        until("they are found", lambda: states(shell) == before)
        assert running(server.data) == all
    for pod in before:
        seen = ticks(shell, pod)
        assert seen == list(range(1, len(seen) + 1)) and len(seen) > first[pod] + 3, seen
        assert shell.kubectl("exec", pod, "--", "hostname") == f"{pod}\n"

    # Killed while pods come: there are as many in the end as were asked for.
    for pause in [0.05, 0.2, 0.5]:
        shell.kubectl("scale", "deployment/ticking", "--replicas=3")
        until("three are there", lambda: len(shell.items("pods")) == 3)
        shell.kubectl("scale", "deployment/ticking", "--replicas=8")
        time.sleep(pause)
        server.kill()
        server.start()
        shell.kubectl("rollout", "status", "deployment/ticking", "--timeout=60s")
        until("there are eight", lambda: len(running(server.data)) == 16)
        assert len(states(shell)) == 8

    pods, devices = [pod["metadata"]["uid"] for pod in shell.items("pods")], ways_out(server.data)
    assert {f"rules for {name}" for name in devices} <= set(left_behind(server.data, devices=devices))
    # Killed while pods go.
    shell.kubectl("delete", "deployment", "ticking", "--wait=false")
    server.kill()
    server.start()
    until("no pod is there", lambda: not shell.items("pods"))
    until("no process is left", lambda: not running(server.data))
    shell.aws("eks", "delete-nodegroup", "--cluster-name", "dev", "--nodegroup-name", "nodes")
    shell.aws("eks", "wait", "nodegroup-deleted", "--cluster-name", "dev", "--nodegroup-name", "nodes")
    shell.aws("eks", "delete-cluster", "--name", "dev")
    shell.aws("eks", "wait", "cluster-deleted", "--name", "dev")
    assert left_behind(server.data, pods, devices) == []


def test_a_cluster_that_is_deleted_takes_its_pods_along(server, shell, image):
    """Also the pods that nobody deleted, and those that came while no server was there to delete them."""
    shell.make_cluster("short", nodes=1)
    shell.apply(deployment("ticking", "default", replicas=2, image=image))
    shell.kubectl("rollout", "status", "deployment/ticking", "--timeout=60s")
    pods = [pod["metadata"]["uid"] for pod in shell.items("pods")]
    devices = ways_out(server.data)
    assert left_behind(server.data, pods, devices)
    shell.aws("eks", "delete-nodegroup", "--cluster-name", "short", "--nodegroup-name", "nodes")
    shell.aws("eks", "wait", "nodegroup-deleted", "--cluster-name", "short", "--nodegroup-name", "nodes")
    shell.aws("eks", "delete-cluster", "--name", "short")
    shell.aws("eks", "wait", "cluster-deleted", "--name", "short")
    assert left_behind(server.data, pods, devices) == []
