"""Our images are equal byte by byte, and well-formed for ``docker load``."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from saltern.artifacts import image
from saltern.artifacts.model import Artifact, ImageBuild
from saltern.errors import ArtifactError

BUILD = ImageBuild(("sh", "httpd"), ("/www/data",), "65534:65534", (), ("httpd", "-f"))
ARTIFACT = Artifact("picture", "1.0.0", "MIT", "image", "picture.tar", image=BUILD)


def program(path: Path, *segments: int) -> Path:
    """The smallest ELF file with these program headers."""
    header = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    )
    path.write_bytes(header + b"".join(struct.pack("<I", kind) + bytes(52) for kind in segments))
    return path


@pytest.fixture
def busybox(tmp_path: Path) -> Path:
    return program(tmp_path / "busybox", 1, 1)


def test_equal_input_gives_equal_bytes(busybox: Path, monkeypatch: pytest.MonkeyPatch):
    first = image.build(ARTIFACT, BUILD, busybox)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    busybox.touch()
    assert image.build(ARTIFACT, BUILD, busybox) == first
    assert image.build(replace(ARTIFACT, version="1.0.1"), BUILD, busybox)[1] != first[1]


def test_every_digest_is_that_of_what_it_names(busybox: Path):
    content, image_id = image.build(ARTIFACT, BUILD, busybox)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        parts = {one.name: tar.extractfile(one).read() for one in tar if one.isfile()}  # type: ignore[union-attr]
        assert all((one.mtime, one.uid, one.gid, one.uname) == (0, 0, 0, "") for one in tar.getmembers())
    (manifest,) = json.loads(parts["manifest.json"])
    config = json.loads(parts[manifest["Config"]])
    (layer,) = manifest["Layers"]
    assert manifest["RepoTags"] == ["saltern/picture:1.0.0"]
    assert image_id == f"sha256:{hashlib.sha256(parts[manifest['Config']]).hexdigest()}"
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(parts[layer]).hexdigest()}"]
    assert config["config"]["User"] == "65534:65534"
    assert config["config"]["Cmd"] == ["httpd", "-f"]


def test_the_layer_holds_busybox_its_applets_and_no_set_uid(busybox: Path):
    content, _ = image.build(ARTIFACT, BUILD, busybox)
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        layer = next(tar.extractfile(one) for one in tar if one.name.endswith("layer.tar"))
        with tarfile.open(fileobj=layer) as inner:
            members = {one.name: one for one in inner}
    assert members["bin/busybox"].mode == 0o755
    assert members["bin/httpd"].linkname == "busybox"
    assert members["tmp"].mode == 0o1777
    assert members["www/data"].isdir()
    assert not [name for name, one in members.items() if one.mode & 0o6000]


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF" + bytes(10)])
def test_what_is_no_program_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "busybox"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="not a static program"):
        image.build(ARTIFACT, BUILD, path)


def test_a_program_with_shared_libraries_is_refused(tmp_path: Path):
    with pytest.raises(ArtifactError, match="busybox-static"):
        image.build(ARTIFACT, BUILD, program(tmp_path / "busybox", 1, 3))


def test_no_busybox(tmp_path: Path):
    with pytest.raises(ArtifactError, match="cannot be read"):
        image.build(ARTIFACT, BUILD, tmp_path / "none")
