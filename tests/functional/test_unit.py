"""The states ``unit.*`` in Salt's own state compiler, over a systemd that a script stands for."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from functional.compiler import results
from saltern.clients import systemd

# Answers `show` from the files of its own folder and writes down every order.
SYSTEMCTL = """#!/bin/sh
here=$(dirname "$0")
case "$*" in
  show*) cat "$here/show";;
  "--no-block start"*|*" enable "*) echo "$*" >>"$here/orders"; sed -i 's/=disabled/=enabled/' "$here/show";;
  *) echo "$*" >>"$here/orders"; [ ! -e "$here/refuse" ] || { echo refused >&2; exit 1; };;
esac
"""


class Systemd:
    """What stands for systemd; ``state`` is what it says of the one unit."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "systemctl"
        program.write_text(SYSTEMCTL)
        program.chmod(0o755)
        (folder / "orders").touch()

    def says(self, active: str = "active", enabled: str = "enabled", loaded: str = "loaded", stale: str = "no") -> None:
        values = f"LoadState={loaded}\nActiveState={active}\nSubState=x\nUnitFileState={enabled}\n"
        (self.folder / "show").write_text(f"{values}NeedDaemonReload={stale}\nControlGroup=\n")

    @property
    def orders(self) -> list[str]:
        return (self.folder / "orders").read_text().splitlines()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(systemd, "UNITS", tmp_path / "units")
    (tmp_path / "units").mkdir()
    return Systemd(tmp_path)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    return partial(results, tmp_path)


RUNNING = {"it runs": {"unit": ["running", {"name": "consul"}]}}
WATCHING = {
    "something": {"test": ["succeed_with_changes"]},
    "it runs": {"unit": ["running", {"name": "consul"}, {"watch": [{"test": "something"}]}]},
}


def test_a_unit_that_runs_is_left_alone(manager, run):
    manager.says()
    result = run(RUNNING)["it runs"]
    assert (result["result"], result["changes"], manager.orders) == (True, {}, [])


def test_a_server_that_waits_for_its_peers_counts_as_running(manager, run):
    manager.says(active="activating")
    assert run(RUNNING)["it runs"]["changes"] == {}


def test_a_unit_is_enabled_and_started_without_waiting(manager, run):
    manager.says(active="inactive", enabled="disabled")
    result = run(RUNNING)["it runs"]
    assert result["result"] is True
    assert set(result["changes"]) == {"enabled", "active"}
    assert manager.orders == ["--quiet enable consul", "--no-block start consul"]


def test_a_dry_run_orders_nothing(manager, run):
    manager.says(active="failed")
    assert run(RUNNING, test=True)["it runs"]["result"] is None
    manager.says()
    assert run(WATCHING, test=True)["it runs"]["result"] is None
    assert manager.orders == []


def test_a_watched_change_restarts(manager, run):
    manager.says(stale="yes")
    assert run(WATCHING)["it runs"]["changes"] == {"restarted": "consul"}
    assert manager.orders == ["daemon-reload", "--no-block restart consul"]


def test_or_only_reloads(manager, run):
    manager.says()
    high = {**WATCHING, "it runs": {"unit": [*WATCHING["it runs"]["unit"], {"reload": True}]}}
    assert run(high)["it runs"]["changes"] == {"reloaded": "consul"}
    assert manager.orders == ["--no-block reload consul"]


@pytest.mark.parametrize(("active", "orders"), [("active", ["--no-block reload consul"]), ("inactive", [])])
def test_a_unit_that_does_not_run_is_not_reloaded(manager, run, active, orders):
    manager.says(active=active)
    assert run({"it reads again": {"unit": ["reloaded", {"name": "consul"}]}})["it reads again"]["result"] is True
    assert manager.orders == orders


def test_a_refusal_of_systemd_fails_with_its_words(manager, run):
    manager.says()
    (manager.folder / "refuse").touch()
    result = run(WATCHING)["it runs"]
    assert result["result"] is False
    assert "refused" in result["comment"]
    assert "journalctl -u consul" in result["comment"]


def test_absent_stops_disables_and_removes_the_file(manager, run):
    manager.says()
    file = systemd.file_of("consul")
    file.write_text("[Service]\n")
    high = {"it is gone": {"unit": ["absent", {"name": "consul"}]}}
    assert run(high, test=True)["it is gone"]["result"] is None
    assert file.exists()
    assert set(run(high)["it is gone"]["changes"]) == {"active", "enabled", "file"}
    assert not file.exists()
    assert manager.orders == ["stop consul", "--quiet disable consul", "daemon-reload"]


def test_dead_leaves_the_packages_file(manager, run):
    manager.says(active="inactive", enabled="disabled")
    file = systemd.file_of("docker")
    file.write_text("[Service]\n")
    assert run({"dead": {"unit": ["dead", {"name": "docker"}]}})["dead"]["changes"] == {}
    assert file.exists()
