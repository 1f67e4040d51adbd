"""A server in a process of its own that can be killed, and what its pods leave on the machine."""

import atexit
import glob
import hashlib
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ENGINE = os.environ.get("WHARF_ENGINE", "builtin")


class Server:
    """Serves from one directory, at one address, whatever happens to its process."""

    def __init__(self):
        self.data = os.path.join(tempfile.mkdtemp(prefix="wharf-"), "data")
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(self.data + ".log", "wb")
        atexit.register(lambda: self.process.kill())
        os.environ["AWS_ENDPOINT_URL"] = self.url
        self.start()

    def start(self):
        command = [os.environ["WHARF_BINARY"], "serve", "--listen", f"127.0.0.1:{self.port}", "--data-dir", self.data]
        self.process = subprocess.Popen([*command, f"--engine={ENGINE}"], env={}, stdout=self.log, stderr=self.log)
        end = time.monotonic() + 30
        while True:
            try:
                return urllib.request.urlopen(f"{self.url}/readyz", timeout=1).close()
            except OSError:
                assert time.monotonic() < end and self.process.poll() is None, open(self.data + ".log").read()
                time.sleep(0.02)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        assert self.process.wait(30) == 0


def processes(folder):
    """The processes of this machine that name a folder or work in it, with their command lines."""
    found = {}
    for path in glob.glob("/proc/[0-9]*"):
        try:
            words = open(f"{path}/cmdline", "rb").read().replace(b"\0", b" ").decode(errors="replace")
            if folder in words or folder in os.readlink(f"{path}/cwd"):
                found[int(path.split("/")[2])] = words
        except OSError:
            continue  # It has ended.
    return found


def docker(*arguments):
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.split()


def of_docker(data, *kinds):
    """What Docker has of a server, by kind and id."""
    path = os.path.join(data, "pods", "docker", "instance")
    instance = open(path).read() if os.path.exists(path) else "none"
    label = f"label=dev.wharf.instance={instance}"
    lists = {
        "container": ["ps", "--all", "--quiet", "--no-trunc", "--filter", label],
        "running": ["ps", "--quiet", "--no-trunc", "--filter", label],
        "network": ["network", "ls", "--quiet", "--filter", label],
        "volume": ["volume", "ls", "--quiet", "--filter", label],
    }
    return {f"{kind} {name}" for kind in kinds for name in docker(*lists[kind])}


def running(data):
    """What runs for the pods of a server, two things for each pod with one container: with the engine builtin
    who looks after the pod and its sandbox, with docker the containers."""
    if ENGINE == "docker":
        return of_docker(data, "running")
    return set(processes(os.path.join(data, "pods")))


def ways_out(data):
    """The devices of this machine that lead to the pods of a server."""
    folder = os.path.join(data, "pods")
    found = set()
    for path in glob.glob("/sys/class/net/*/ifalias"):
        try:
            if folder in open(path).read():
                found.add(path.split("/")[4])
        except OSError:
            continue  # Of another server, and gone.
    assert found or ENGINE != "builtin"
    return found


def left_behind(data, pods=(), devices=()):
    """What is still there of the pods of a server: their processes, mounts, control groups, files, devices with the
    rules for them, and what Docker has. Network namespaces have no names: they go with the last process."""
    folder = os.path.join(data, "pods")
    rules = subprocess.run(["nft", "list", "ruleset"], check=True, capture_output=True, text=True).stdout
    left = [f"device {name}" for name in devices if os.path.exists(f"/sys/class/net/{name}")]
    left += [f"rules for {name}" for name in devices if name in rules]
    left += [f"process {pid} {words}" for pid, words in processes(folder).items()]
    left += [f"mount {line.strip()}" for line in open("/proc/self/mounts") if folder in line]
    for pod in pods:
        left += glob.glob(f"/sys/fs/cgroup/wharf/{pod}") + glob.glob(f"/sys/fs/cgroup/*/wharf/{pod}")
    if ENGINE == "docker":
        left += of_docker(data, "container", "network", "volume")
        # The images of a server are named after it, as its networks are.
        name = hashlib.sha256(open(os.path.join(folder, "docker", "instance"), "rb").read()).hexdigest()[:8]
        images = docker("images", "--format", "{{.Repository}}:{{.Tag}}")
        left += [f"image {image}" for image in images if name in image]
    for path, _, files in os.walk(folder):
        left += [f"file {os.path.join(path, file)}" for file in files if (os.path.basename(path), file) != ("docker", "instance")]
        if ENGINE == "builtin":
            left += [f"folder {path}"] if path != folder else []
    return left
