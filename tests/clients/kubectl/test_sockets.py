"""No socket of a container engine is opened before a cluster needs it."""

import os
import subprocess

import pytest

import engines
from tools import Shell, until

SOCKETS = ["docker", "containerd", "podman", "crio"]


def calls(path):
    return [line for line in open(path) if any(name in line for name in SOCKETS)]


@pytest.mark.parametrize("options", [[], ["--engine=docker"]])
def test_no_socket_is_opened_before_there_is_a_cluster(options, tmp_path, monkeypatch):
    trace = tmp_path / "trace"
    wrapper = tmp_path / "wharf"
    words = " ".join(options)
    binary = os.environ["WHARF_BINARY"]
    # The last word is the engine that the server of the tests is given.
    wrapper.write_text(f'#!/bin/sh\nexec strace -f -e trace=connect -o {trace} "{binary}" "$1" "$2" "$3" "$4" "$5" {words}\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("WHARF_BINARY", str(wrapper))
    server = engines.Server()
    shell = Shell()
    shell.aws("ecr", "create-repository", "--repository-name", "shop")
    password = shell.aws("ecr", "get-login-password")
    assert shell.run("curl", "-s", "-u", f"AWS:{password.strip()}", f"{server.url}/v2/shop/tags/list") and not calls(trace)
    if options:
        shell.make_cluster("dev")
        until("the engine is asked", lambda: calls(trace))
        shell.aws("eks", "delete-cluster", "--name", "dev")
        shell.aws("eks", "wait", "cluster-deleted", "--name", "dev")
    # strace passes the signal on by ending, which its child outlives.
    children = subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True).stdout.split()
    for child in children:
        os.kill(int(child), 15)
    assert server.process.wait(30) == 0
