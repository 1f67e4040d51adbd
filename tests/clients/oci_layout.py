#!/usr/bin/env python3
"""Writes an OCI image layout with an index of two platforms, tagged `multi`; prints its digest.

usage: oci_layout.py FOLDER [SEED]
"""

import gzip
import hashlib
import io
import json
import pathlib
import sys
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Image:
    """Content by digest, and the digest of the index that holds it together."""

    def __init__(self, seed: str):
        self.blobs: dict[str, bytes] = {}
        self.manifests = [self._platform(seed, arch) for arch in ("amd64", "arm64")]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests}
        self.index = self._add(INDEX, json.dumps(index).encode())

    def _add(self, media_type: str, content: bytes) -> dict:
        self.blobs[digest(content)] = content
        return {"mediaType": media_type, "digest": digest(content), "size": len(content)}

    def _platform(self, seed: str, arch: str) -> dict:
        # Two layers: one that the platforms share, and one of some size that they do not.
        trees = [layer(f"{seed} shared", 1000), layer(f"{seed} {arch}", 300_000)]
        layers = [self._add(LAYER, gzip.compress(tree, mtime=0)) for tree in trees]
        config = {
            "architecture": arch,
            "os": "linux",
            "config": {"Cmd": ["/file"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(tree) for tree in trees]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._add(CONFIG, json.dumps(config).encode()),
            "layers": layers,
        }
        platform = {"architecture": arch, "os": "linux"}
        return self._add(MANIFEST, json.dumps(manifest).encode()) | {"platform": platform}

    def write(self, folder: pathlib.Path) -> None:
        blobs = folder / "blobs" / "sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        for name, content in self.blobs.items():
            (blobs / name.removeprefix("sha256:")).write_bytes(content)
        tagged = self.index | {"annotations": {"org.opencontainers.image.ref.name": "multi"}}
        index = {"schemaVersion": 2, "manifests": [tagged]}
        (folder / "index.json").write_text(json.dumps(index))
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def layer(seed: str, size: int) -> bytes:
    """A tar with one file of bytes that do not compress, the same for the same seed."""
    content = hashlib.shake_128(seed.encode()).digest(size)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        entry = tarfile.TarInfo("file")
        entry.size, entry.mode = len(content), 0o755
        tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    image = Image(sys.argv[2] if len(sys.argv) > 2 else "")
    image.write(pathlib.Path(sys.argv[1]))
    print(image.index["digest"])
