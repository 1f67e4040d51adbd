"""Whom the server connects to: no socket of a container engine before a cluster needs it, nobody whom objects name."""

import os
import subprocess

import pytest

import engines
from tools import Shell, until

SOCKETS = ["docker", "containerd", "podman", "crio"]


class Traced(engines.Server):
    """A server whose connections are written down."""

    def __init__(self, folder, options, monkeypatch):
        self.trace, wrapper = folder / "trace", folder / "wharf"
        binary, words = os.environ["WHARF_BINARY"], " ".join(options)
        # The last word is the engine that the server of the tests is given.
        wrapper.write_text(f'#!/bin/sh\nexec strace -f -e trace=connect -o {self.trace} "{binary}" "$1" "$2" "$3" "$4" "$5" {words}\n')
        wrapper.chmod(0o755)
        with monkeypatch.context() as patch:
            patch.setenv("WHARF_BINARY", str(wrapper))
            super().__init__()

    def calls(self, *names):
        return [line for line in open(self.trace) if any(name in line for name in names)]

    def stop(self):
        # strace ends with the program that it follows.
        children = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        for child in children:
            os.kill(int(child), 15)
        assert self.process.wait(30) == 0


@pytest.mark.parametrize("options", [[], ["--engine=docker"]])
def test_no_socket_is_opened_before_there_is_a_cluster(options, tmp_path, monkeypatch):
    server = Traced(tmp_path, options, monkeypatch)
    shell = Shell()
    shell.aws("ecr", "create-repository", "--repository-name", "shop")
    password = shell.aws("ecr", "get-login-password")
    assert shell.run("curl", "-s", "-u", f"AWS:{password.strip()}", f"{server.url}/v2/shop/tags/list")
    assert not server.calls(*SOCKETS)
    if options:
        shell.make_cluster("dev")
        until("the engine is asked", lambda: server.calls(*SOCKETS))
        shell.aws("eks", "delete-cluster", "--name", "dev")
        shell.aws("eks", "wait", "cluster-deleted", "--name", "dev")
    server.stop()


def test_nobody_is_called_whom_objects_name(tmp_path, monkeypatch):
    """Webhooks, external names, drivers of volumes, API services: kept, and not called."""
    server = Traced(tmp_path, ["--engine=simulated"], monkeypatch)
    shell = Shell()
    shell.make_cluster("dev", nodes=1)
    meta = lambda name: {"name": name}  # noqa: E731
    rules = [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*"]}]
    hook = {
        "name": "hook.example.com", "clientConfig": {"url": "https://198.51.100.7/hook"}, "rules": rules,
        "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail", "timeoutSeconds": 1,
    }
    kinds = "admissionregistration.k8s.io/v1"
    shell.apply(
        {"apiVersion": kinds, "kind": "ValidatingWebhookConfiguration", "metadata": meta("v"), "webhooks": [hook]},
        {"apiVersion": kinds, "kind": "MutatingWebhookConfiguration", "metadata": meta("m"), "webhooks": [hook]},
        {"apiVersion": "v1", "kind": "Service", "metadata": meta("out"),
         "spec": {"type": "ExternalName", "externalName": "odd.example.com"}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta("csi"), "spec": {
            "containers": [{"name": "c", "image": "198.51.100.8/odd:1", "imagePullPolicy": "Always"}],
            "imagePullSecrets": [meta("odd")],
            "volumes": [{"name": "v", "csi": {"driver": "odd.example.com"}}]}},
    )
    shell.kubectl("run", "shop", "--image=198.51.100.9/shop:1")
    shell.kubectl("wait", "--for=condition=Ready", "pod/shop", "--timeout=60s")
    shell.kubectl("delete", "pod", "shop", "csi", "--now")
    server.stop()
    out = [line for line in server.calls("AF_INET") if '"127.' not in line and '"::1"' not in line]
    assert not out, out
