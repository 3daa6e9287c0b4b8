"""Names never collide; keepers change exactly with what a node was made from."""

from dataclasses import replace
from itertools import chain, repeat

import pytest

from saltern import names
from saltern.errors import SalternError
from saltern.model import Custody, Definition, Group, Size

GROUP = Group("server", ("vault",), "core", "general", 3, "small", "base")
DEFINITION = Definition(
    "lab", "dc1", "global", "lab", ("ipv4",), "transit", "lan", Custody(1, ("ada",)), {"vault": "1.21.1"}, {},
    {"small": Size("small", 1, 2**29, 8 * 10**9)}, {"server": GROUP}, 3, 1, 5,
)  # fmt: skip


def test_a_name_is_the_group_and_six_letters_or_digits() -> None:
    for _ in range(200):
        name = names.new_node_id("server", set())
        group, _, random = name.rpartition("-")
        assert group == "server" == names.group_of(name)
        assert len(random) == 6
        assert names.is_node_id(name)


def test_a_taken_name_is_not_given_again() -> None:
    letters = chain("aaaaaa", "aaaaab")
    assert names.new_node_id("edge", {"edge-aaaaaa"}, lambda _: next(letters)) == "edge-aaaaab"


def test_an_exhausted_group_ends_with_an_error() -> None:
    letters = repeat("a")
    with pytest.raises(SalternError, match="no free id"):
        names.new_node_id("edge", {"edge-aaaaaa"}, lambda _: next(letters))


def test_the_support_server_is_called_support() -> None:
    assert names.new_node_id("support", {"support"}) == "support"
    assert names.group_of("support") == "support"


@pytest.mark.parametrize(
    "definition",
    [
        replace(DEFINITION, datacenter="dc2"),
        replace(DEFINITION, sizes={"small": Size("small", 1, 2**30, 8 * 10**9)}),
    ],
)
def test_keepers_change_with_datacenter_and_size(definition: Definition) -> None:
    assert names.keepers(definition, GROUP) != names.keepers(DEFINITION, GROUP)


@pytest.mark.parametrize("group", [replace(GROUP, image="base2"), replace(GROUP, userdata="#!/bin/sh")])
def test_keepers_change_with_image_and_userdata(group: Group) -> None:
    assert names.keepers(DEFINITION, group) != names.keepers(DEFINITION, GROUP)


@pytest.mark.parametrize("group", [replace(GROUP, count=5), replace(GROUP, placement="anti-affinity")])
def test_keepers_stay_with_what_replaces_no_node(group: Group) -> None:
    assert names.keepers(DEFINITION, group) == names.keepers(DEFINITION, GROUP)
    assert names.keepers(replace(DEFINITION, versions={"vault": "1.22.0"}), GROUP) == names.keepers(DEFINITION, GROUP)
