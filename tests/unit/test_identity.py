"""Grains against the registry: any lie is found, and told with both values."""

from typing import Any

import pytest

from saltern.identity import differences

PILLAR = {"node": {"id": "edge-a", "role": ["nomad-client", "vault"], "zone": "user", "node_class": "load-balancer"}}
TRUE = {"id": "edge-a", "role": ["nomad-client", "vault"], "zone": "user", "node_class": "load-balancer"}


@pytest.mark.parametrize("role", [["nomad-client", "vault"], ["vault", "nomad-client"], ("vault", "nomad-client")])
def test_the_truth_passes_in_any_order(role: Any) -> None:
    assert differences({**TRUE, "role": role, "os": "Debian"}, PILLAR) == []


@pytest.mark.parametrize(
    ("lie", "says", "wants"),
    [
        (
            {"role": ["nomad-client", "vault", "consul-server"]},
            "consul-server, nomad-client, vault",
            "nomad-client, vault",
        ),
        ({"role": ["vault"]}, "the grain role is `vault`", "`nomad-client, vault`"),
        ({"role": "nomad-client"}, "`nomad-client`", "`nomad-client, vault`"),
        ({"role": None}, "the grain role is `not set`", "`nomad-client, vault`"),
        ({"zone": "core"}, "the grain zone is `core`", "the registry says `user`"),
        ({"zone": ""}, "the grain zone is `not set`", "the registry says `user`"),
        ({"node_class": "general"}, "the grain node_class is `general`", "the registry says `load-balancer`"),
        ({"id": "edge-b"}, "calls itself `edge-b`", "belongs to `edge-a`"),
    ],
)
def test_a_lie_is_told_with_both_values_and_a_cure(lie: dict[str, Any], says: str, wants: str) -> None:
    (problem,) = differences(TRUE | lie, PILLAR)
    assert says in problem.what
    assert wants in problem.what
    assert problem.cure
    assert problem.node == (TRUE | lie)["id"]


def test_all_lies_are_told_together() -> None:
    lies = {"id": "edge-a", "role": ["support"], "zone": "core", "node_class": "storage"}
    assert len(differences(lies, PILLAR)) == 3


@pytest.mark.parametrize("pillar", [{"unknown": True}, {}, {"unknown": True, **PILLAR}])
def test_an_unknown_node_is_refused(pillar: dict[str, Any]) -> None:
    (problem,) = differences(TRUE, pillar)
    assert "the registry does not know this node" in problem.what


def test_a_node_with_an_unproved_key_is_refused_with_its_reason() -> None:
    (problem,) = differences(TRUE, {"unknown": True, "state": "created"})
    assert "never proved" in problem.what
    assert "never accept such a key by hand" in problem.cure
