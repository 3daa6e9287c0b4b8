"""Versions lie side by side, the link switches, a wrong sum installs nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from saltern.artifacts.download import ChecksumMismatch
from saltern.artifacts.install import Wanted
from saltern.artifacts.installation import Installation
from saltern.errors import ArtifactError


class Node:
    """A node's artifacts below a temporary directory, fed from a local store."""

    def __init__(self, base: Path) -> None:
        self.root, self.store = base / "opt", base / "store"
        self.store.mkdir()
        self.installation = Installation(self.root, self.store)

    def want(self, version: str, content: bytes = b"", kind: str = "binary", sha256: str = "") -> Wanted:
        content = content or f"tool {version}".encode()
        source = self.store / f"tool-{version}"
        source.write_bytes(content)
        return Wanted("tool", version, sha256 or hashlib.sha256(content).hexdigest(), f"file://{source}", "tool", kind)

    def use(self) -> str:
        return (self.root / "bin/tool").read_text()

    def leftovers(self) -> list[str]:
        return [one.name for one in (self.root / ".incoming").iterdir() if one.name != "lock"]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


def test_the_first_version(node: Node):
    want = node.want("1.0.0")
    assert node.installation.install(want).switch
    assert node.use() == "tool 1.0.0"
    assert (node.root / "bin/tool").readlink() == Path("../tool/1.0.0/tool")
    assert (node.root / "tool/1.0.0/tool").stat().st_mode & 0o777 == 0o755
    assert node.installation.install(want).reasons == ()
    assert node.leftovers() == []


def test_a_wrong_checksum_installs_nothing_and_says_which(node: Node):
    node.installation.install(node.want("1.0.0"))
    with pytest.raises(ChecksumMismatch, match=f"pinned is {'0' * 64}"):
        node.installation.install(node.want("1.0.1", sha256="0" * 64))
    assert node.use() == "tool 1.0.0"
    assert node.installation.versions("tool") == ("1.0.0",)
    assert node.leftovers() == []


def test_a_file_that_was_changed_by_hand_is_put_right(node: Node):
    want = node.want("1.0.0")
    node.installation.install(want)
    (node.root / "tool/1.0.0/tool").write_text("evil")
    assert node.installation.install(want).download
    assert node.use() == "tool 1.0.0"


def test_two_old_versions_stay_and_the_one_in_use_is_the_last_to_go(node: Node):
    for version in ("1.0.0", "1.0.1", "1.0.2", "1.0.3"):
        node.installation.install(node.want(version))
    assert sorted(node.installation.versions("tool")) == ["1.0.1", "1.0.2", "1.0.3"]
    node.installation.install(node.want("1.0.1"))  # the way back
    assert node.use() == "tool 1.0.1"


def test_a_link_to_somewhere_else_is_switched(node: Node):
    want = node.want("1.0.0")
    node.installation.install(want)
    (node.root / "bin/tool").unlink()
    (node.root / "bin/tool").symlink_to("/bin/true")
    assert node.installation.present(want).linked == ""
    assert node.installation.install(want).switch
    assert node.use() == "tool 1.0.0"


def test_an_image_is_a_plain_file_without_a_link(node: Node):
    node.installation.install(node.want("1.0.0", kind="image"))
    assert (node.root / "tool/1.0.0/tool").stat().st_mode & 0o777 == 0o644
    assert list((node.root / "bin").iterdir()) == []


def test_removal_leaves_other_artifacts(node: Node):
    node.installation.install(node.want("1.0.0"))
    (node.root / "bin/other").symlink_to("../other/1/other")
    assert node.installation.remove("tool") == (str(node.root / "bin/tool"), "tool 1.0.0")
    assert node.installation.remove("tool") == ()
    assert [one.name for one in (node.root / "bin").iterdir()] == ["other"]


def test_a_file_url_reaches_nothing_but_the_store(node: Node):
    outside = Wanted("tool", "1.0.0", "0" * 64, f"file://{node.store}/../../../../etc/passwd", "tool", "binary")
    with pytest.raises(ArtifactError, match="not in the artifact store"):
        node.installation.install(outside)


def test_a_store_that_lost_the_file(node: Node):
    want = node.want("1.0.0")
    (node.store / "tool-1.0.0").unlink()
    with pytest.raises(ArtifactError, match=r"cannot be installed below .*No such file"):
        node.installation.install(want)
    assert node.installation.versions("tool") == ()
