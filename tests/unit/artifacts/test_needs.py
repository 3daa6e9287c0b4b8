"""Roles decide what a node installs."""

from __future__ import annotations

import pytest

from artifacts_support import put
from saltern import paths
from saltern.artifacts import for_job, for_node, missing, store_index
from saltern.artifacts.model import Artifact, Supplied
from saltern.artifacts.store import Store
from saltern.errors import ArtifactError

VERSIONS = {"consul": "1.21.0", "vault": "1.21.1", "nomad": "1.11.1"}
URL = "https://10.99.0.10:8443"


@pytest.fixture
def full(store: Store) -> Store:
    for name, version in {**VERSIONS, "consul ": "1.20.0"}.items():
        put(store, Artifact(name.strip(), version, "MIT", "binary", name.strip()), name.encode())
    for version in ("1.9.0", "1.10.0"):
        image = Artifact("pause", version, "MIT", "image", "pause.tar")
        path = store.work(image) / "pause.tar"
        path.write_bytes(version.encode())
        store.add(image, Supplied(path, source="made up", image_id=f"sha256:{version}"), "image")
    return store


@pytest.mark.parametrize(
    ("roles", "names"),
    [
        (["support"], ["consul", "vault"]),
        (["consul-server"], ["consul"]),
        (["consul-server", "vault", "nomad-server"], ["consul", "nomad", "vault"]),
        (["nomad-client"], ["consul", "nomad", "pause"]),
    ],
)
def test_what_roles_need(full: Store, roles: list[str], names: list[str]):
    described = for_node(roles, VERSIONS, store_index(str(full.root)), URL)
    assert sorted(described) == names
    assert all(one["sha256"] for one in described.values())
    assert missing(roles, VERSIONS, store_index(str(full.root))) == []


def test_a_binary_and_an_image_as_the_pillar_gets_them(full: Store):
    described = for_node(["nomad-client"], VERSIONS, store_index(str(full.root)), URL + "/")
    assert described["consul"]["url"] == f"{URL}/consul/1.21.0/consul"
    assert (described["consul"]["kind"], described["consul"]["files"]) == ("binary", ["consul"])
    assert described["pause"]["version"] == "1.10.0"
    assert described["pause"]["image"] == "saltern/pause:1.10.0"
    assert described["pause"]["files"] == ["pause.tar"]


def test_the_support_server_reads_its_own_store(full: Store):
    described = for_node(["support"], VERSIONS, store_index(str(full.root)), URL)
    assert described["vault"]["url"] == f"file://{paths.ARTIFACT_STORE}/vault/1.21.1/vault"


def test_what_the_store_lacks_is_empty_and_is_told(full: Store):
    versions, index = {**VERSIONS, "consul": "9.9.9"}, store_index(str(full.root))
    assert for_node(["support"], versions, index, URL)["consul"] == {
        "version": "9.9.9",
        "sha256": "",
        "url": "",
        "kind": "binary",
        "files": ["consul"],
    }
    (problem,) = missing(["support"], versions, index)
    assert "consul 9.9.9" in str(problem)
    assert "salt-run artifact.fetch consul" in str(problem)


def test_no_store_at_all(tmp_path):
    assert store_index(str(tmp_path / "none")) == {}
    assert len(missing(["nomad-client"], VERSIONS, {})) == 3


def test_what_a_job_needs(full: Store):
    found = for_job("pause", store_index(str(full.root)), URL)
    assert found["url"] == f"{URL}/pause/1.10.0/pause.tar"
    assert (found["image"], found["file"], len(found["sha256"])) == ("saltern/pause:1.10.0", "pause.tar", 64)
    with pytest.raises(ArtifactError, match="holds no canary"):
        for_job("canary", {}, URL)
