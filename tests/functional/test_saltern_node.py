"""The external pillar in Salt's own loader and pillar compiler."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import salt.config
import salt.loader
import salt.pillar

from saltern.journal import Journal
from saltern.model import LifeCycle, Node
from saltern.registry import Registry

REPOSITORY = Path(__file__).parents[2]
DEFINITION = REPOSITORY / "tests" / "unit" / "definition" / "base"
MAXIMUM_SECONDS = 0.15  # all minions ask at once, on two cores


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    root = tmp_path / "ssl" / "consul"
    root.mkdir(parents=True)
    (root / "trust.pem").write_text("PEM of the root")
    registry = Registry(tmp_path / "registry.sqlite")
    servers = ("consul-server", "vault", "nomad-server")
    registry.add(Node("server-a", "server", servers, "core", "general", "10.99.0.11", state=LifeCycle.ACCEPTED))
    registry.add(Node("edge-a", "edge", ("nomad-client",), "user", "load-balancer", "10.99.0.140"))
    Journal(str(tmp_path / "journal.sqlite"), lambda: b"k" * 32).reach("consul")
    return {
        "directory": str(DEFINITION),
        "registry": str(registry.path),
        "journal": str(tmp_path / "journal.sqlite"),
        "roots": str(tmp_path / "ssl"),
        "store": str(tmp_path / "store"),
        "profiles": str(REPOSITORY / "pillar" / "pki" / "profiles.yaml"),
    }


@pytest.fixture
def opts(tmp_path: Path, places: dict[str, str]) -> dict[str, Any]:
    options: dict[str, Any] = salt.config.DEFAULT_MASTER_OPTS.copy()
    options |= {
        "root_dir": str(tmp_path),
        "cachedir": str(tmp_path / "cache"),
        "extension_modules": str(tmp_path / "extmods"),
        "module_dirs": [str(REPOSITORY)],
        "utils_dirs": [str(REPOSITORY / "_utils")],
        "pillar_dirs": [str(REPOSITORY / "_pillar")],
        "pillar_roots": {"base": [str(REPOSITORY / "pillar")]},
        "file_roots": {"base": []},
        "ext_pillar": [{"saltern": places}],
        "file_client": "local",
        "id": "master_master",
        "__role": "master",
    }
    return options


@pytest.fixture
def compile_for(opts: dict[str, Any]) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    def compile_one(minion_id: str, grains: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = salt.pillar.Pillar(opts, grains, minion_id, "base").compile_pillar()
        return found

    return compile_one


def test_the_loader_knows_it_by_its_short_name(opts: dict[str, Any]) -> None:
    assert "saltern" in salt.loader.pillars(opts, {})


def test_a_proved_node_gets_its_pillar(compile_for: Callable[..., dict[str, Any]]) -> None:
    found = compile_for("server-a", {})
    assert "_errors" not in found
    assert found["saltern"]["node"]["role"] == ["consul-server", "vault", "nomad-server"]
    assert found["saltern"]["trust"] == {"consul": "PEM of the root"}
    assert found["saltern"]["services"] == {"consul": True, "vault": False, "nomad": False}


def test_grains_change_nothing(compile_for: Callable[..., dict[str, Any]]) -> None:
    lies = {"id": "server-a", "role": ["vault", "consul-server"], "zone": "core", "node_class": "general"}
    assert compile_for("edge-a", lies) == {"saltern": {"unknown": True, "state": "planned"}}
    assert compile_for("stranger", lies) == {"saltern": {"unknown": True}}


def test_a_source_that_cannot_be_used_gives_an_error_and_no_pillar(
    compile_for: Callable[..., dict[str, Any]], places: dict[str, str]
) -> None:
    with sqlite3.connect(places["registry"]) as connection:
        connection.execute("PRAGMA user_version = 99")
    found = compile_for("server-a", {})
    assert "saltern" not in found
    assert "update Saltern on the support server" in str(found["_errors"])


def test_it_is_quick(opts: dict[str, Any], places: dict[str, str]) -> None:
    ext_pillar = salt.loader.pillars(opts, {})["saltern"]
    ext_pillar("server-a", {}, **places)  # the first call reads the definition
    times = []
    for _ in range(10):
        start = time.perf_counter()
        ext_pillar("server-a", {}, **places)
        times.append(time.perf_counter() - start)
    assert sorted(times)[5] < MAXIMUM_SECONDS, times
