"""What pods must not have of the computer that they run on, and where it can be asked for."""

import copy
import dataclasses

NODE = "wharf refuses "
FARGATE = "Pod not supported on Fargate: "


@dataclasses.dataclass(frozen=True)
class Thing:
    """Something that is forbidden."""

    name: str
    # Of which part of a pod `what` is: "pod", "container", or "volume".
    of: str
    what: dict
    # What the refusal on a node says after "wharf refuses "; of a field of a container without its path.
    says: str = ""
    # What Fargate says instead; if it is empty, Fargate's own list does not have it.
    fargate: str = ""
    # Kubernetes itself finds it invalid, with this text.
    invalid: str = ""

    def __str__(self):
        return self.name

    def put(self, spec: dict, at: tuple[str, int] = ("containers", 0)) -> dict:
        """A copy of a pod's spec that asks for it, in one of its containers if it is of containers."""
        spec = copy.deepcopy(spec)
        container = spec[at[0]][at[1]]
        if self.of == "pod":
            spec.update(copy.deepcopy(self.what))
        elif self.of == "container":
            container.update(copy.deepcopy(self.what))
        else:
            spec["volumes"] = [dict({"name": "v"}, **copy.deepcopy(self.what))]
            container["volumeMounts"] = [{"name": "v", "mountPath": "/mnt"}]
        return spec


def security(**what) -> dict:
    return {"securityContext": what}


def add(*names: str) -> dict:
    return security(capabilities={"add": list(names)})


def host_path(path: str, **more) -> dict:
    return {"hostPath": dict({"path": path}, **more)}


def mounted(volume: dict | None = None, **mount) -> dict:
    """A pod's spec with a volume that is mounted in an odd way."""
    volume = dict({"name": "v"}, **(volume or {"emptyDir": {}}))
    container = {"name": "c", "image": "nginx", "env": [{"name": "UP", "value": "../../etc"}]}
    container["volumeMounts"] = [dict({"name": "v", "mountPath": "/mnt"}, **mount)]
    return {"volumes": [volume], "containers": [container]}


FIELDS = "fields not supported: "
TYPE = "volumes not supported: v is of an unsupported volume Type"
PRIVILEGED = "invalid SecurityContext fields: Privileged"
CAPABILITIES = "securityContext.capabilities.add: only capabilities that containers have by default"
PROFILE = "only the profile RuntimeDefault protects this computer"
FILES = "spec.volumes[0].hostPath: pods get no files of this computer"
DRIVER = "wharf has no driver for such volumes"
PORT = "port contains HostIP or HostPort"

POD = [
    Thing("host network", "pod", {"hostNetwork": True}, "spec.hostNetwork: ", FIELDS + "HostNetwork"),
    Thing("host pid", "pod", {"hostPID": True}, "spec.hostPID: ", FIELDS + "HostPID"),
    Thing("host ipc", "pod", {"hostIPC": True}, "spec.hostIPC: ", FIELDS + "HostIPC"),
    Thing("host everything", "pod", {"hostNetwork": True, "hostPID": True, "hostIPC": True},
          "spec.host", FIELDS + "HostNetwork, HostPID, HostIPC"),
    Thing("host users", "pod", {"hostUsers": True}, "spec.hostUsers: "),
    Thing("shared processes", "pod", {"shareProcessNamespace": True}, "spec.shareProcessNamespace: "),
    Thing("processes of both", "pod", {"shareProcessNamespace": True, "hostPID": True}, invalid="cannot both be enabled"),
    Thing("sysctl", "pod", security(sysctls=[{"name": "net.core.somaxconn", "value": "1"}]),
          "spec.securityContext.sysctls: "),
    Thing("safe sysctl", "pod", security(sysctls=[{"name": "net.ipv4.tcp_syncookies", "value": "0"}]),
          "spec.securityContext.sysctls: "),
    Thing("seccomp of the pod", "pod", security(seccompProfile={"type": "Unconfined"}),
          f"spec.securityContext.seccompProfile: {PROFILE}"),
    Thing("local seccomp of the pod", "pod",
          security(seccompProfile={"type": "Localhost", "localhostProfile": "open.json"}),
          f"spec.securityContext.seccompProfile: {PROFILE}"),
    Thing("seccomp profile outside", "pod",
          security(seccompProfile={"type": "Localhost", "localhostProfile": "../open.json"}), invalid="must not contain '..'"),
    Thing("apparmor of the pod", "pod", security(appArmorProfile={"type": "Unconfined"}),
          f"spec.securityContext.appArmorProfile: {PROFILE}"),
    Thing("selinux of the pod", "pod", security(seLinuxOptions={"type": "spc_t"}), "spec.securityContext.seLinuxOptions: "),
    Thing("windows", "pod", {"os": {"name": "windows"}}, "spec.os: "),
    Thing("device claim", "pod", {"resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}]}, "spec.resourceClaims: "),
]

VOLUMES = [
    *(Thing(f"host path {path}", "volume", host_path(path), FILES, TYPE)
      for path in ("/", "/proc", "/sys", "/dev/kvm", "/etc/kubernetes", "/tmp/link-to-root", "/var/run/docker.sock")),
    Thing("host socket", "volume", host_path("/var/run/docker.sock", type="Socket"), FILES, TYPE),
    Thing("host device", "volume", host_path("/dev/kvm", type="CharDevice"), FILES, TYPE),
    Thing("new host folder", "volume", host_path("/srv/x", type="DirectoryOrCreate"), FILES, TYPE),
    Thing("host path up", "volume", host_path("/tmp/../etc"), invalid="must not contain '..'"),
    Thing("inline csi", "volume", {"csi": {"driver": "secrets-store.csi.k8s.io"}}, f"spec.volumes[0].csi: {DRIVER}", TYPE),
    Thing("nfs", "volume", {"nfs": {"server": "10.0.0.1", "path": "/"}}, f"spec.volumes[0].nfs: {DRIVER}", TYPE),
    Thing("iscsi", "volume", {"iscsi": {"targetPortal": "10.0.0.1:3260", "iqn": "iqn.2001-04.com.example:s", "lun": 0}},
          "spec.volumes[0].iscsi: ", TYPE),
    Thing("flex volume", "volume", {"flexVolume": {"driver": "example.com/lvm"}}, "spec.volumes[0].flexVolume: ", TYPE),
    Thing("block store", "volume", {"awsElasticBlockStore": {"volumeID": "vol-1"}},
          f"spec.volumes[0].awsElasticBlockStore: {DRIVER}", TYPE),
    Thing("ceph", "volume", {"cephfs": {"monitors": ["10.0.0.1:6789"]}}, "spec.volumes[0].cephfs: ", TYPE),
    Thing("rbd", "volume", {"rbd": {"monitors": ["10.0.0.1:6789"], "image": "x"}}, "spec.volumes[0].rbd: ", TYPE),
    Thing("fibre channel", "volume", {"fc": {"targetWWNs": ["50060e801049cfd1"], "lun": 0}}, "spec.volumes[0].fc: ", TYPE),
    Thing("git", "volume", {"gitRepo": {"repository": "https://example.com/x.git"}}, "spec.volumes[0].gitRepo: ", TYPE),
    Thing("image", "volume", {"image": {"reference": "nginx"}}, "spec.volumes[0].image: ", TYPE),
    Thing("huge pages", "volume", {"emptyDir": {"medium": "HugePages"}}, "spec.volumes[0].emptyDir.medium: "),
]

CONTAINER = [
    Thing("privileged", "container", security(privileged=True), "securityContext.privileged: ", PRIVILEGED),
    Thing("privileged without more rights", "container", security(privileged=True, allowPrivilegeEscalation=False),
          invalid="cannot set `allowPrivilegeEscalation` to false and `privileged` to true"),
    *(Thing(f"capability {name}", "container", add(name), CAPABILITIES)
      for name in ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "SYS_MODULE", "ALL", "CAP_SYS_ADMIN", "NONE")),
    Thing("capability in small letters", "container", add("sys_admin"), CAPABILITIES),
    Thing("capability among usual ones", "container", add("CHOWN", "BPF"), CAPABILITIES),
    Thing("seccomp", "container", security(seccompProfile={"type": "Unconfined"}), f"securityContext.seccompProfile: {PROFILE}"),
    Thing("local seccomp", "container", security(seccompProfile={"type": "Localhost", "localhostProfile": "open.json"}),
          f"securityContext.seccompProfile: {PROFILE}"),
    Thing("apparmor", "container", security(appArmorProfile={"type": "Unconfined"}), f"securityContext.appArmorProfile: {PROFILE}"),
    Thing("local apparmor", "container", security(appArmorProfile={"type": "Localhost", "localhostProfile": "open"}),
          f"securityContext.appArmorProfile: {PROFILE}"),
    Thing("selinux", "container", security(seLinuxOptions={"level": "s0"}), "securityContext.seLinuxOptions: "),
    Thing("unmasked proc", "container", security(procMount="Unmasked"), invalid="procMount"),
    Thing("host port", "container", {"ports": [{"containerPort": 80, "hostPort": 8080}]}, "ports[0].hostPort: ", PORT),
    Thing("host address", "container", {"ports": [{"containerPort": 80, "hostIP": "127.0.0.1"}]}, "ports[0].hostIP: ", PORT),
]

# Whole specs: they have their own volumes and mounts.
SPECS = [
    Thing("mount on proc", "pod", mounted(mountPath="/proc"), "spec.containers[0].volumeMounts[0].mountPath: "),
    Thing("mount on sys", "pod", mounted(mountPath="/sys/fs/cgroup"), "spec.containers[0].volumeMounts[0].mountPath: "),
    Thing("mount on the root", "pod", mounted(mountPath="/"), "spec.containers[0].volumeMounts[0].mountPath: "),
    Thing("mount up", "pod", mounted(mountPath="/mnt/../proc"), "spec.containers[0].volumeMounts[0].mountPath: "),
    Thing("sub path up", "pod", mounted(subPath="../x"), invalid="must not contain '..'"),
    Thing("sub path up later", "pod", mounted(subPath="x/../../y"), invalid="must not contain '..'"),
    Thing("sub path from the root", "pod", mounted(subPath="/etc"), invalid="must be a relative path"),
    Thing("sub path of a variable", "pod", mounted(subPathExpr="$(UP)"), "spec.containers[0].volumeMounts[0].subPathExpr: "),
    Thing("mounts for all", "pod", mounted(mountPropagation="Bidirectional"), invalid="Bidirectional mount propagation"),
    Thing("unmasked proc of own users", "pod",
          {"hostUsers": False, "containers": [{"name": "c", "image": "nginx", **security(procMount="Unmasked")}]},
          "spec.containers[0].securityContext.procMount: "),
]

THINGS = POD + VOLUMES + CONTAINER + SPECS
REFUSED = [thing for thing in THINGS if not thing.invalid]
INVALID = [thing for thing in THINGS if thing.invalid]
