"""Provider ``release`` against a real HTTPS server: verified, resumed, refused."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from saltern.artifacts.download import ChecksumMismatch
from saltern.artifacts.model import Artifact, Progress, Release, Supplied
from saltern.artifacts.providers.release import ReleaseProvider
from saltern.errors import ArtifactError

CONTENT = bytes(range(256)) * 12000  # 3 MiB: several blocks
PATH = "/tool_1.2.3_linux_amd64.zip"


def zipped(member: str = "tool") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:  # stored, not deflated: as long as its content
        archive.writestr(member, CONTENT)
    return buffer.getvalue()


@pytest.fixture
def supply(server: Any, tmp_path: Path) -> Callable[..., Supplied]:
    server.files[PATH] = zipped()
    work = tmp_path / "work"
    work.mkdir()
    known = hashlib.sha256(zipped()).hexdigest()

    def supply(sha256: str = known, ca_file: str | None = None, report: Any = lambda progress: None) -> Supplied:
        release = Release(server.url + "/{name}_{version}_{platform}.zip", sha256, "tool")
        artifact = Artifact("tool", "1.2.3", "MIT", "binary", "tool", release=release)
        provider = ReleaseProvider("linux_amd64", server.ca_file if ca_file is None else ca_file)
        return provider.supply(artifact, work, report, 0)

    return supply


def test_the_file_comes_out_of_the_archive_and_progress_is_told(supply: Callable[..., Supplied]):
    told: list[Progress] = []
    supplied = supply(report=told.append)
    assert supplied.path.read_bytes() == CONTENT
    assert [one.name for one in supplied.path.parent.iterdir()] == ["tool"]
    assert (told[-1].done, told[-1].total) == (len(zipped()), len(zipped()))


def test_a_wrong_sum_leaves_nothing(supply: Callable[..., Supplied], tmp_path: Path):
    with pytest.raises(ChecksumMismatch, match=f"pinned is {'1' * 64}"):
        supply("1" * 64)
    assert list((tmp_path / "work").iterdir()) == []


def test_a_truncated_download_is_refused_and_goes_on_where_it_stopped(server: Any, supply: Callable[..., Supplied]):
    server.truncate[PATH] = 2_000_000
    with pytest.raises(ArtifactError, match="ended after 2000000 of"):
        supply()
    assert supply().path.read_bytes() == CONTENT
    assert server.requests == [(PATH, ""), (PATH, "bytes=2000000-")]


def test_bytes_of_another_file_cost_one_more_download(server: Any, supply: Callable[..., Supplied], tmp_path: Path):
    (tmp_path / "work/release.zip.part").write_bytes(b"something else")
    assert supply().path.read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == ["bytes=14-", ""]


def test_a_whole_file_of_an_earlier_try(server: Any, supply: Callable[..., Supplied], tmp_path: Path):
    (tmp_path / "work/release.zip.part").write_bytes(zipped())
    assert supply().path.read_bytes() == CONTENT


def test_an_unknown_issuer_is_refused_before_anything_is_asked(server: Any, supply: Callable[..., Supplied]):
    with pytest.raises(ArtifactError, match="CERTIFICATE_VERIFY_FAILED"):
        supply(ca_file="")
    assert server.requests == []


def test_another_name_than_the_certificates_is_refused(server: Any, supply: Callable[..., Supplied]):
    server.url = server.url.replace("127.0.0.1", "localhost")
    with pytest.raises(ArtifactError, match="Hostname mismatch"):
        supply()
    assert server.requests == []


def test_a_redirect_to_plain_http_is_refused(server: Any, supply: Callable[..., Supplied]):
    server.redirect[PATH] = "http://127.0.0.1:9/tool.zip"
    with pytest.raises(ArtifactError, match="which is not HTTPS"):
        supply()


def test_without_a_pinned_sum_nothing_is_asked_and_the_cure_is_told(server: Any, supply: Callable[..., Supplied]):
    with pytest.raises(ArtifactError, match=r"states no sha256.*SHA256SUMS.*gpg --verify.*tool: release: sha256"):
        supply("")
    assert server.requests == []


def test_an_archive_without_the_file(server: Any, supply: Callable[..., Supplied]):
    server.files[PATH] = zipped("other")
    with pytest.raises(ArtifactError, match="holds no file tool"):
        supply(hashlib.sha256(server.files[PATH]).hexdigest())


def test_what_is_no_archive(server: Any, supply: Callable[..., Supplied]):
    server.files[PATH] = b"<html>please log in</html>"
    with pytest.raises(ArtifactError, match="not a whole zip"):
        supply(hashlib.sha256(server.files[PATH]).hexdigest())


def test_a_missing_file_and_a_server_that_is_down(server: Any, supply: Callable[..., Supplied]):
    del server.files[PATH]
    with pytest.raises(ArtifactError, match="answers 404"):
        supply()
    server.url = "https://127.0.0.1:1"
    with pytest.raises(ArtifactError, match="cannot be reached"):
        supply()
