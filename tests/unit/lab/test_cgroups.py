"""Control groups, on trees that look like the kernel's."""

from __future__ import annotations

import pytest

from saltern.model import Size
from saltern_lab import cgroups
from saltern_lab.cgroups import Hierarchy

SIZE = Size("small", cpus=2, memory=1 << 30, disk=1 << 33)


@pytest.fixture
def version1(tmp_path, monkeypatch):
    """Memory and cpu as hierarchies of their own; we are in a group below the first one's root."""
    parent = tmp_path / "memory" / "session"
    (tmp_path / "cpu").mkdir()
    parent.mkdir(parents=True)
    found = [
        Hierarchy(tmp_path / "memory", ("memory",), parent, 1),
        Hierarchy(tmp_path / "cpu", ("cpu", "cpuacct"), tmp_path / "cpu", 1),
    ]
    monkeypatch.setattr(cgroups, "hierarchies", lambda: found)
    monkeypatch.setattr(cgroups, "unified", lambda: False)
    return tmp_path


def test_a_node_is_limited_in_every_hierarchy(version1):
    groups = cgroups.prepare("saltern-a", "server-x", SIZE)
    memory, cpu = version1 / "memory/session/saltern-a/server-x", version1 / "cpu/saltern-a/server-x"
    assert groups == [memory, cpu]
    assert (memory / "memory.limit_in_bytes").read_text() == str(1 << 30)
    assert (cpu / "cpu.cfs_quota_us").read_text() == "200000"


def test_the_groups_of_a_lab_are_found_wherever_an_earlier_command_made_them(version1, monkeypatch):
    cgroups.prepare("saltern-a", "server-x", SIZE)
    moved = [Hierarchy(version1 / "memory", ("memory",), version1 / "memory", 1)]
    assert cgroups.groups("saltern-a", "server-x")[0] == version1 / "memory/session/saltern-a/server-x"
    assert cgroups.groups("saltern-a", "server-y") == []
    assert cgroups.groups("saltern-b") == []
    # another command, in another group, joins what is there
    monkeypatch.setattr(cgroups, "hierarchies", lambda: moved)
    assert cgroups.prepare("saltern-a", "server-y", SIZE) == [version1 / "memory/session/saltern-a/server-y"]


def test_a_version_2_tree_hands_its_controllers_down(tmp_path, monkeypatch):
    monkeypatch.setattr(cgroups, "hierarchies", lambda: [Hierarchy(tmp_path, (), tmp_path, 2)])
    monkeypatch.setattr(cgroups, "unified", lambda: True)
    (tmp_path / "saltern-a").mkdir()
    for directory in (tmp_path, tmp_path / "saltern-a"):
        (directory / "cgroup.controllers").write_text("cpu memory rdma\n")
    (group,) = cgroups.prepare("saltern-a", "server-x", SIZE)
    assert (group / "memory.max").read_text() == str(1 << 30)
    assert (group / "cpu.max").read_text() == "200000 100000"
    assert (tmp_path / "saltern-a/cgroup.subtree_control").exists()
