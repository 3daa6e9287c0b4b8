"""What the lab reads of a cluster definition."""

from __future__ import annotations

import copy

import pytest

from saltern.errors import LabError
from saltern_lab import definition

GOOD = {
    "cluster": {
        "address_families": ["ipv4"],
        "custody": {"threshold": 2, "operators": ["ada", "grace", "mary"]},
    },
    "sizes": {"tiny": {"cpus": 1, "memory": "600MiB", "disk": "8GB"}},
    "groups": {"support": {"size": "tiny"}},
}


def test_the_support_servers_size_networks_and_operators():
    summary = definition.summarise(GOOD)
    assert summary.size == {"cpus": 1, "memory": 600 << 20, "disk": 8 * 10**9}
    assert summary.networks == ["10.99.0.0/24"]
    assert (summary.operators, summary.threshold) == (("ada", "grace", "mary"), 2)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        (("groups", "support"), "groups.support"),
        (("sizes", "tiny"), "sizes.tiny"),
        (("cluster", "custody"), "cluster.custody"),
        (("cluster", "custody", "operators"), "operators"),
    ],
)
def test_what_is_missing_is_named(path, named):
    broken = copy.deepcopy(GOOD)
    place = broken
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    with pytest.raises(LabError, match=named):
        definition.summarise(broken)


def test_an_operator_cannot_be_a_path():
    broken = copy.deepcopy(GOOD)
    broken["cluster"]["custody"]["operators"] = ["../ada"]
    with pytest.raises(LabError, match="cannot name"):
        definition.summarise(broken)


def test_a_threshold_is_a_number():
    broken = copy.deepcopy(GOOD)
    broken["cluster"]["custody"]["threshold"] = "three"
    with pytest.raises(LabError, match="threshold"):
        definition.summarise(broken)
