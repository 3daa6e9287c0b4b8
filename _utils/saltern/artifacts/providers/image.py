"""Provider ``image``: builds the small container images of our own from Debian's static busybox."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from saltern.artifacts import image, toolchain
from saltern.artifacts.model import Artifact, Progress, Report, Supplied

BUSYBOX = Path("/bin/busybox")


class ImageProvider:
    """Writes an image's tar.

    :param busybox: a static busybox.
    :param install_tools: install Debian's busybox-static when there is no busybox (needs root and Debian).
    """

    name = "image"

    def __init__(self, busybox: Path = BUSYBOX, *, install_tools: bool = False) -> None:
        self._busybox, self._install_tools = busybox, install_tools

    def declared(self, artifact: Artifact) -> bool:
        """Whether the manifest describes an image."""
        return artifact.image is not None

    def supply(self, artifact: Artifact, work: Path, report: Report, after: float) -> Supplied:
        """Build the tar."""
        assert artifact.image is not None  # noqa: S101 - callers ask `declared` first
        report(Progress(f"building the image {artifact.reference}", after=after))
        if self._install_tools and not self._busybox.exists():
            toolchain.apt_install(("busybox-static",))
        content, image_id = image.build(artifact, artifact.image, self._busybox)
        target = work / artifact.file
        target.write_bytes(content)
        return Supplied(target, source=f"{self._busybox}", recipe=recipe(artifact), image_id=image_id)


def recipe(artifact: Artifact) -> str:
    """Digest of the image's description; another busybox alone does not make an image stale."""
    described = asdict(artifact.image) if artifact.image else {}
    return hashlib.sha256(json.dumps([artifact.reference, described], sort_keys=True).encode()).hexdigest()
