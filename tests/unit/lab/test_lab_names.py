"""What the lab's socket lets through."""

from __future__ import annotations

import pytest

from saltern.errors import LabError
from saltern_lab import names


@pytest.mark.parametrize("name", ["support", "server-a1b2c3", "x", "a" * 32])
def test_names_of_nodes(name):
    assert names.node(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", "a--b", "A", "1a", "a/b", "../a", "a.b", "a b", "a\n", "a" * 33, "labd", "salt", None, 7, ["a"]],
)
def test_other_names_are_refused(name):
    with pytest.raises(LabError):
        names.node(name)


@pytest.mark.parametrize("name", ["default", "a", "ha1", "12345678"])
def test_names_of_labs(name):
    assert names.lab(name) == name


@pytest.mark.parametrize("name", ["", "a-b", "../x", "123456789", "A", "a\n"])
def test_other_lab_names_are_refused(name):
    with pytest.raises(LabError, match="SALTERN_LAB"):
        names.lab(name)


@pytest.mark.parametrize(
    ("value", "amount"), [(1, 1), ("2GiB", 2 << 30), ("600 MiB", 600 << 20), ("4096", 4096), ("1KiB", 1024)]
)
def test_amounts(value, amount):
    assert names.amount(value, "size.disk") == amount


@pytest.mark.parametrize("value", [0, -1, True, None, "", "0GiB", "1.5GiB", "1GB", "GiB", 1.5, "9" * 19])
def test_amounts_that_are_none(value):
    with pytest.raises(LabError, match=r"size\.disk"):
        names.amount(value, "size.disk")


GOOD = {"cpus": 2, "memory": "1GiB", "disk": "8GiB"}


def test_a_size():
    size = names.size(GOOD)
    assert (size.cpus, size.memory, size.disk) == (2, 1 << 30, 8 << 30)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"cpus": 0}, "cpus"),
        ({"cpus": True}, "cpus"),
        ({"cpus": "2"}, "cpus"),
        ({"memory": "64MiB"}, "memory"),
        ({"memory": None}, "memory"),
        ({"disk": "1MiB"}, "disk"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_sizes_that_no_node_can_live_with(change, named):
    with pytest.raises(LabError, match=named):
        names.size({**GOOD, **change})


def test_a_size_that_is_no_object():
    with pytest.raises(LabError, match="size is"):
        names.size("huge")
