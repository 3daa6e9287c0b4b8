"""Module, state and runner ``artifact`` in Salt's own loaders, below temporary directories."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import salt.config
import salt.loader

from artifacts_support import put
from saltern import paths
from saltern.artifacts import for_node, store_index
from saltern.artifacts.model import Artifact
from saltern.artifacts.store import Store
from saltern_salt.answers import RunnerFailed

ROOT = Path(__file__).parents[3]
CONTENT = b"consul"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(paths, "ARTIFACTS", str(tmp_path / "opt"))
    monkeypatch.setattr(paths, "ARTIFACT_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(paths, "REPOSITORY", str(ROOT))
    store = Store(tmp_path / "store")
    store.prepare()
    return store


@pytest.fixture
def opts(tmp_path: Path) -> dict[str, Any]:
    opts = salt.config.DEFAULT_MINION_OPTS.copy()
    opts.update(root_dir=str(tmp_path), cachedir=str(tmp_path / "salt"), id="support", module_dirs=[str(ROOT)])
    opts.update(extension_modules=str(tmp_path / "extmods"), file_client="local", test=False, grains={})
    return opts


@pytest.fixture
def states(opts: dict[str, Any], store: Store) -> Callable[..., dict[str, Any]]:
    """Runs a state function with the pillar that the support server would have now."""

    def run(function: str, name: str, *, test: bool = False, **arguments: Any) -> dict[str, Any]:
        given = {**opts, "test": test}
        described = for_node(["support"], {"consul": "1.21.0", "vault": "1.21.1"}, store_index(str(store.root)), "")
        utils = salt.loader.utils(given)
        modules = salt.loader.minion_mods(given, utils=utils)
        modules.pack["__pillar__"] = {"saltern": {"artifacts": described}}
        loaded = salt.loader.states(given, modules, utils, None)
        result: dict[str, Any] = loaded[function](name=name, **arguments)
        return result

    return run


def consul(store: Store, content: bytes = CONTENT) -> None:
    put(store, Artifact("consul", "1.21.0", "BUSL-1.1", "binary", "consul"), content)


def test_from_nothing_to_installed_to_unchanged_to_absent(
    states: Callable[..., dict[str, Any]], store: Store, tmp_path: Path
):
    consul(store)
    changes = {
        "file": {"old": "", "new": hashlib.sha256(CONTENT).hexdigest()},
        "version": {"old": "", "new": "1.21.0"},
    }
    dry = states("artifact.installed", "consul", test=True)
    assert (dry["result"], dry["changes"]) == (None, changes)
    assert not (tmp_path / "opt").exists()
    wet = states("artifact.installed", "consul")
    assert (wet["result"], wet["changes"]) == (True, changes)
    assert (tmp_path / "opt/bin/consul").read_bytes() == CONTENT
    again = states("artifact.installed", "consul", test=True)
    assert (again["result"], again["changes"]) == (True, {})
    removed = {"removed": [str(tmp_path / "opt/bin/consul"), "consul 1.21.0"]}
    assert states("artifact.absent", "consul", test=True)["changes"] == removed
    assert states("artifact.absent", "consul")["changes"] == removed
    assert states("artifact.absent", "consul")["changes"] == {}
    assert not (tmp_path / "opt/consul").exists()


def test_a_wrong_checksum_fails_with_both_sums_and_installs_nothing(
    states: Callable[..., dict[str, Any]], store: Store, tmp_path: Path
):
    consul(store)
    (store.root / "consul/1.21.0/consul").write_bytes(b"CONSUL")  # same size, other bytes
    result = states("artifact.installed", "consul")
    assert (result["result"], result["changes"]) == (False, {})
    assert hashlib.sha256(b"CONSUL").hexdigest() in result["comment"]
    assert hashlib.sha256(CONTENT).hexdigest() in result["comment"]
    assert not (tmp_path / "opt/consul").exists()


def test_an_artifact_that_the_store_lacks_fails_with_the_cure(states: Callable[..., dict[str, Any]]):
    result = states("artifact.installed", "vault", test=True)
    assert result["result"] is False
    assert "salt-run artifact.fetch vault" in result["comment"]


def test_an_artifact_of_no_role_fails(states: Callable[..., dict[str, Any]]):
    result = states("artifact.installed", "nomad")
    assert (result["result"], "no artifact of this node's roles" in result["comment"]) == (False, True)


def test_explicit_arguments_over_https(states: Callable[..., dict[str, Any]], server: Any, tmp_path: Path):
    server.files["/consul"] = CONTENT
    given = {"version": "9.0.0", "url": f"{server.url}/consul", "sha256": hashlib.sha256(CONTENT).hexdigest()}
    distrusted = states("artifact.installed", "consul", **given)
    assert (distrusted["result"], "CERTIFICATE_VERIFY_FAILED" in distrusted["comment"]) == (False, True)
    result = states("artifact.installed", "consul", ca_file=server.ca_file, **given)
    assert (result["result"], result["changes"]["version"]) == (True, {"old": "", "new": "9.0.0"})
    assert (tmp_path / "opt/bin/consul").read_bytes() == CONTENT


@pytest.fixture
def runners(opts: dict[str, Any], store: Store) -> Any:
    given = salt.config.DEFAULT_MASTER_OPTS.copy()
    given.update(module_dirs=[str(ROOT)], extension_modules=opts["extension_modules"], cachedir=opts["cachedir"])
    return salt.loader.runner({**given, "output": "json"})


def test_the_runner_lists_and_verifies_the_store(runners: Any, store: Store):
    consul(store)
    (one,) = runners["artifact.list"]()["artifacts"]
    assert (one["name"], one["version"], one["provider"], one["licence"]) == ("consul", "1.21.0", "release", "BUSL-1.1")
    assert runners["artifact.verify"]() == {"problems": []}
    (store.root / "consul/1.21.0/consul").write_bytes(b"CONSUL")
    found = runners["artifact.verify"]()
    assert (found["retcode"], len(found["problems"])) == (1, 1)


def test_the_runner_fills_the_store_from_a_directory(
    runners: Any, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    files = Store(tmp_path / "files")
    files.prepare()
    put(files, Artifact("consul", "1.21.0", "BUSL-1.1", "binary", "consul"))
    monkeypatch.setenv("SALTERN_ARTIFACT_FILES", str(files.root))
    fetched = runners["artifact.fetch"]("consul", providers="file")
    assert (fetched["consul"]["new"], fetched["consul"]["provider"]) == (True, "release")
    assert runners["artifact.fetch"]("consul", providers="file")["consul"]["new"] is False
    with pytest.raises(RunnerFailed, match="nothing is not in the list"):
        runners["artifact.fetch"]("nothing")


@pytest.mark.parametrize(
    ("environment", "given", "asked"), [("file", "", "file"), ("", "", "go"), ("go", "file", "file")]
)
def test_the_strongest_word_on_providers_wins(
    opts: dict[str, Any], store: Store, monkeypatch: pytest.MonkeyPatch, environment: str, given: str, asked: str
):
    monkeypatch.setenv("SALTERN_ARTIFACT_PROVIDERS", environment)
    monkeypatch.setenv("SALTERN_ARTIFACT_FILES", "/nonexistent")
    master = {**salt.config.DEFAULT_MASTER_OPTS, "module_dirs": [str(ROOT)], "saltern_artifact_providers": "go"}
    master |= {"extension_modules": opts["extension_modules"], "cachedir": opts["cachedir"], "output": "json"}
    with pytest.raises(RunnerFailed) as refused:
        salt.loader.runner(master)["artifact.fetch"]("canary", providers=given)
    assert ("canary 1.0.0 is not in /nonexistent" in str(refused.value)) is (asked == "file")
