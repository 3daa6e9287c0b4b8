"""How the lab's commands read their arguments, and what its cloud answers before it does anything."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from saltern.errors import LabError
from saltern_lab.__main__ import COMMANDS
from saltern_lab.cloud import Cloud
from saltern_lab.commands import arguments as reading
from saltern_lab.settings import Lab

LAB = Path(__file__).parents[3] / "lab"


@pytest.mark.parametrize(
    ("words", "node", "command"),
    [
        (["support", "--", "salt-key", "-L"], "support", ["salt-key", "-L"]),
        (["support", "ls", "-l"], "support", ["ls", "-l"]),
        (["support", "--", "sh", "-c", "a -- b", "--", "c"], "support", ["sh", "-c", "a -- b", "--", "c"]),
    ],
)
def test_a_node_and_its_command(words, node, command):
    assert reading.node_and_command("exec", "", words) == (node, command)


@pytest.mark.parametrize("words", [[], ["support"], ["support", "--"]])
def test_a_command_is_needed(words, capsys):
    with pytest.raises(SystemExit):
        reading.node_and_command("exec", "", words)
    assert "usage: lab/exec" in capsys.readouterr().err


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "daemon"])
def test_every_command_explains_itself(command):
    done = subprocess.run([LAB / command, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: lab/{command}")
    assert "SALTERN_LAB" in done.stdout


@pytest.fixture
def cloud(tmp_path, monkeypatch):
    """The cloud of a lab without nodes."""
    monkeypatch.setattr("saltern_lab.settings.ROOT", tmp_path)
    lab = Lab("unit")
    lab.nodes.mkdir(parents=True)
    (lab.directory / "base").write_text(str(tmp_path / "image0"))
    return Cloud(lab)


GOOD = {"name": "server-a", "image": "base", "size": "small", "networks": ["10.99.0.0/25"]}


@pytest.mark.parametrize(
    ("method", "params", "text"),
    [
        ("explode", {}, "no method 'explode'"),
        (None, {}, "no method"),
        ("list", [], "params is no object"),
        ("list", {"all": True}, "all"),
        ("show", {"name": "server-a"}, "no such node"),
        ("show", {"name": "../server-a"}, "cannot name a node"),
        ("destroy", {}, "cannot name a node"),
        ("minion_key", {"name": "server-a"}, "no such node"),
        ("create", {**GOOD, "colour": "red"}, "colour"),
        ("create", {**GOOD, "image": "windows"}, "no image 'windows'"),
        ("create", {**GOOD, "size": "huge"}, "no size 'huge'"),
        ("create", {**GOOD, "networks": []}, "No networks"),
        ("create", {**GOOD, "userdata": {"password": "x"}}, "password"),
        ("create", {**GOOD, "name": "Server"}, "cannot name a node"),
    ],
)
def test_bad_requests_are_refused_and_leave_nothing(cloud, method, params, text):
    with pytest.raises(LabError, match=text):
        cloud.call(method, params)
    assert list(cloud.lab.nodes.iterdir()) == []


def test_an_empty_lab_lists_nothing(cloud):
    assert cloud.call("list", None) == []
    assert {size["name"] for size in cloud.call("sizes", {})} >= {"small", "support"}
    assert cloud.call("images", {}) == [{"name": "base", "id": "image0"}]
