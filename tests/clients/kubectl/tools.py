"""kubectl and the AWS CLI, unmodified, as a user runs them: in an empty home, against one server."""

import json
import os
import subprocess
import tempfile
import time

ACCOUNT = os.environ.get("WHARF_ACCOUNT", "000000000000")
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
REGION = os.environ.get("AWS_REGION", "us-east-1")

# How long something that the cluster does by itself may take.
PATIENCE = 60


class Failed(Exception):
    """A command that ended with an error: what it printed."""


class Shell:
    """A home of its own, with a kubeconfig in it."""

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix="home-")
        self.kubeconfig = os.path.join(self.home, "kubeconfig")
        self.environ = dict(os.environ, HOME=self.home, KUBECONFIG=self.kubeconfig)

    def make_cluster(self, name, nodes=0, machine="t3.medium"):
        """Makes a cluster, with a node group if it is to have nodes, which are then ready; kubectl asks it."""
        self.aws(
            "eks", "create-cluster", "--name", name, "--role-arn", f"{ROLE}/eks",
            "--resources-vpc-config", "subnetIds=subnet-1,subnet-2",
        )
        self.aws("eks", "wait", "cluster-active", "--name", name)
        self.aws("eks", "update-kubeconfig", "--name", name, "--kubeconfig", self.kubeconfig)
        if not nodes:
            return
        self.aws(
            "eks", "create-nodegroup", "--cluster-name", name, "--nodegroup-name", "nodes",
            "--node-role", f"{ROLE}/nodes", "--subnets", "subnet-1", "subnet-2", "--instance-types", machine,
            "--scaling-config", f"minSize={nodes},maxSize={nodes},desiredSize={nodes}",
        )
        self.aws("eks", "wait", "nodegroup-active", "--cluster-name", name, "--nodegroup-name", "nodes")
        ready = lambda: self.kubectl("get", "nodes", "--no-headers").count(" Ready ") == nodes  # noqa: E731
        until("the nodes are ready", ready)

    def run(self, *command, stdin=None, timeout=PATIENCE):
        done = subprocess.run(
            command, input=stdin, env=self.environ, capture_output=True, text=True, timeout=timeout
        )
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def fails(self, *command, **settings) -> str:
        """What a command that must fail prints."""
        try:
            printed = self.run(*command, **settings)
        except Failed as failed:
            return str(failed)
        raise AssertionError(f"{command} did not fail: {printed}")

    def aws(self, *arguments, **settings):
        return self.run("aws", *arguments, **settings)

    def kubectl(self, *arguments, **settings):
        return self.run("kubectl", *arguments, **settings)

    def apply(self, *objects, arguments=()):
        text = "\n---\n".join(json.dumps(one) for one in objects)
        return self.kubectl("apply", *arguments, "-f", "-", stdin=text)

    def get(self, *arguments):
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def items(self, *arguments):
        return self.get(*arguments)["items"]


def until(what, true):
    """Waits until something is so; what the cluster does takes a moment."""
    end = time.monotonic() + PATIENCE
    while True:
        value = true()
        if value:
            return value
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


def deployment(name, namespace, replicas=1, labels=None, image="nginx", **spec):
    labels = dict({"app": name}, **(labels or {}))
    container = {"name": name, "image": image, "ports": [{"containerPort": 80}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": dict({"containers": [container]}, **spec),
            },
        },
    }
