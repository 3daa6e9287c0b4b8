"""The states ``zone_firewall.*`` in Salt's state compiler, over real files and a firewalld that a script stands for.

What the real firewalld does with the files is proved in the lab.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functional.compiler import results
from saltern.clients import firewalld

DESIRED = {
    "default_zone": "saltern-drop",
    "zones": {
        "saltern-drop": {"target": "DROP", "description": "d", "sources": [], "interfaces": [], "ports": ["22/tcp"]},
    },
    "policies": {},
}
HIGH = {"only declared ports": {"zone_firewall": ["managed", {"desired": DESIRED}]}}
# `reload` makes firewalld enforce what the test laid down for it in `next`.
BUSCTL = """#!/bin/sh
here=$(dirname "$0")
[ -e "$here/now" ] || exit 1
case "$*" in
  *get-property*) echo '{"type":"s","data":"RUNNING"}';;
  *getDefaultZone*) cat "$here/now/default";;
  *getZoneSettings2*) cat "$here/now/zone";;
  *reload) echo reload >>"$here/orders"; cp "$here"/next/* "$here/now/";;
esac
"""
SYSTEMCTL = """#!/bin/sh
here=$(dirname "$0")
echo "$*" >>"$here/orders"
case "$*" in restart*) mkdir -p "$here/now"; cp "$here"/next/* "$here/now/";; esac
"""


def enforced(folder: Path, default: str, ports: list[list[str]]) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "default").write_text(json.dumps({"type": "s", "data": [default]}))
    settings = {"target": {"data": "DROP"}, "ports": {"data": ports}}
    (folder / "zone").write_text(json.dumps({"type": "a{sv}", "data": [settings]}))


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("busctl", BUSCTL), ("systemctl", SYSTEMCTL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in ("daemon", "protocols", "wanted", "orders"):
        (tmp_path / name).touch()
    monkeypatch.setattr(firewalld, "_DAEMON", tmp_path / "daemon")
    monkeypatch.setattr(firewalld, "_PROTOCOLS", tmp_path / "protocols")
    monkeypatch.setattr(firewalld, "_WANTED", tmp_path / "wanted")
    root = tmp_path / "firewalld"
    (root / "zones").mkdir(parents=True)
    (root / "firewalld.conf").write_text("DefaultZone=public\nLogDenied=off\n")
    (root / "zones" / "ops.xml").write_text("<zone/>")
    monkeypatch.setattr(firewalld, "ROOT", root)
    monkeypatch.setattr(firewalld.read, "__defaults__", (root,))
    monkeypatch.setattr(firewalld.write, "__defaults__", (root,))
    enforced(tmp_path / "now", "public", [])
    enforced(tmp_path / "next", "saltern-drop", [["22", "tcp"]])
    return tmp_path


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def one(high: dict[str, Any], test: bool = False) -> dict[str, Any]:
        (result,) = results(tmp_path, high, test).values()
        return result

    return one


def orders(node: Path) -> list[str]:
    return (node / "orders").read_text().splitlines()


def test_first_run_changes_second_run_does_not(node, run):
    foreseen = run(HIGH, test=True)
    assert (foreseen["result"], orders(node)) == (None, [])
    done = run(HIGH)
    assert done["result"] is True, done["comment"]
    assert done["changes"] == foreseen["changes"]
    assert orders(node) == ["reload"]
    again = run(HIGH)
    assert (again["result"], again["changes"], orders(node)) == (True, {}, ["reload"])
    assert (node / "firewalld" / "firewalld.conf").read_text() == "DefaultZone=saltern-drop\nLogDenied=off\n"
    assert (node / "firewalld" / "zones" / "ops.xml").read_text() == "<zone/>"


def test_a_dead_firewalld_is_started(node, run):
    run(HIGH)
    (node / "now").rename(node / "gone")
    done = run(HIGH)
    assert (done["result"], set(done["changes"])) == (True, {"firewalld"})
    assert orders(node)[-1] == "restart firewalld.service"


def test_a_firewalld_that_does_not_obey_is_an_error(node, run):
    enforced(node / "next", "saltern-drop", [])
    done = run(HIGH)
    assert done["result"] is False
    assert "does not enforce" in done["comment"]


def test_a_missing_package_is_named(node, run):
    (node / "protocols").unlink()
    done = run(HIGH)
    assert done["result"] is False
    assert "netbase" in done["comment"]
    assert orders(node) == []


def test_it_is_enabled_at_boot(node, run):
    (node / "wanted").unlink()
    assert run(HIGH)["changes"]["started at boot"] == {"old": False, "new": True}
    assert orders(node) == ["--quiet enable firewalld.service", "reload"]


def test_absent_takes_ours_and_leaves_the_operators(node, run):
    run(HIGH)
    high = {"none of ours": {"zone_firewall": ["absent"]}}
    assert run(high, test=True)["result"] is None
    done = run(high)
    assert (done["result"], set(done["changes"])) == (True, {"zones/saltern-drop.xml", "default zone"})
    assert [path.name for path in (node / "firewalld" / "zones").iterdir()] == ["ops.xml"]
    assert (node / "firewalld" / "firewalld.conf").read_text() == "DefaultZone=public\nLogDenied=off\n"
    assert run(high)["changes"] == {}
