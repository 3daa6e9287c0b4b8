"""Writes a small container image as a tar for ``docker load``: equal input gives an equal file, byte by byte.

The format is the one that ``docker save`` writes (image specification v1.2): manifest.json, a configuration named by
its own sha256, one uncompressed layer.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from pathlib import Path

from saltern.artifacts.model import Artifact, ImageBuild
from saltern.errors import ArtifactError

EPOCH = "1970-01-01T00:00:00Z"
_PT_INTERP = 3


def build(artifact: Artifact, image: ImageBuild, busybox: Path) -> tuple[bytes, str]:
    """The tar and Docker's id of the image.

    :raises ArtifactError: when ``busybox`` is not a static 64-bit ELF program.
    """
    program = _static_program(busybox)
    layer = _layer(image, program)
    layer_digest = hashlib.sha256(layer).hexdigest()
    config = _json(_config(artifact, image, layer_digest))
    config_digest = hashlib.sha256(config).hexdigest()
    manifest = [
        {"Config": f"{config_digest}.json", "RepoTags": [artifact.reference], "Layers": [f"{layer_digest}/layer.tar"]}
    ]
    tar = _Tar()
    tar.directory(layer_digest)
    tar.file(f"{layer_digest}/layer.tar", layer)
    tar.file(f"{config_digest}.json", config)
    tar.file("manifest.json", _json(manifest))
    return tar.close(), f"sha256:{config_digest}"


def _config(artifact: Artifact, image: ImageBuild, layer_digest: str) -> dict[str, object]:
    run: dict[str, object] = {
        "User": image.user,
        "Env": ["PATH=/bin"],
        "WorkingDir": "/",
        "Labels": {"org.opencontainers.image.version": artifact.version},
    }
    if image.entrypoint:
        run["Entrypoint"] = list(image.entrypoint)
    if image.command:
        run["Cmd"] = list(image.command)
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": EPOCH,
        "config": run,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        "history": [{"created": EPOCH, "created_by": "saltern"}],
    }


def _layer(image: ImageBuild, program: bytes) -> bytes:
    user, group = image.user.split(":")
    tar = _Tar()
    for directory in ("bin", "dev", "etc", "proc", "sys"):
        tar.directory(directory)
    tar.file("bin/busybox", program, mode=0o755)
    for applet in sorted(set(image.applets) - {"busybox"}):
        tar.link(f"bin/{applet}", "busybox")
    tar.file("etc/group", f"root:x:0:\nnobody:x:{group}:\n".encode())
    tar.file("etc/passwd", f"root:x:0:0::/:/bin/false\nnobody:x:{user}:{group}::/:/bin/false\n".encode())
    tar.directory("tmp", mode=0o1777)
    for directory in image.directories:
        parts = directory.strip("/").split("/")
        for depth in range(1, len(parts) + 1):
            tar.directory("/".join(parts[:depth]))
    return tar.close()


class _Tar:
    """A tar in which nothing depends on the machine, the time or the user."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._tar = tarfile.open(fileobj=self._buffer, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        self._seen: set[str] = set()

    def directory(self, name: str, mode: int = 0o755) -> None:
        if name not in self._seen:
            self._add(name, tarfile.DIRTYPE, mode)

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        self._add(name, tarfile.REGTYPE, mode, content)

    def link(self, name: str, target: str) -> None:
        self._add(name, tarfile.SYMTYPE, 0o777, target=target)

    def close(self) -> bytes:
        self._tar.close()
        return self._buffer.getvalue()

    def _add(self, name: str, kind: bytes, mode: int, content: bytes = b"", target: str = "") -> None:
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.size, info.linkname = kind, mode, len(content), target
        self._tar.addfile(info, io.BytesIO(content))
        self._seen.add(name)


def _static_program(path: Path) -> bytes:
    cure = "install Debian's package busybox-static (it replaces busybox): support/fetch-artifacts does it"
    try:
        program = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error}.", cure=cure) from error
    if not _is_static(program):
        raise ArtifactError(f"{path} is not a static program: in a container it would find no libraries.", cure=cure)
    return program


def _is_static(program: bytes) -> bool:
    """Whether it is a 64-bit little-endian ELF program without an interpreter (elf(5), program headers)."""
    if program[:6] != b"\x7fELF\x02\x01" or len(program) < 64:
        return False
    (offset,) = struct.unpack_from("<Q", program, 32)
    size, count = struct.unpack_from("<HH", program, 54)
    if offset + size * count > len(program):
        return False
    kinds = [struct.unpack_from("<I", program, offset + size * index)[0] for index in range(count)]
    return bool(kinds) and _PT_INTERP not in kinds


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
