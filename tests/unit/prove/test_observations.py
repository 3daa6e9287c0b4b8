"""What is not there is not looked for on this machine."""

from __future__ import annotations

import dataclasses

from test_claims import view

from saltern.model import Node
from saltern.prove.observations import gather


def test_a_node_without_an_address_answers_nothing() -> None:
    planned = Node("c2", "client", ("nomad-client",), "core", "general")
    at = dataclasses.replace(view(), nodes=[planned], ca_files=dict.fromkeys(("consul", "nomad"), "/nonexistent"))
    seen = gather(at)
    looks = [*seen.tls.values(), *seen.plain.values(), *seen.anonymous.values()]
    assert set(seen.tls) == {("c2", 8501), ("c2", 4646)}
    assert {(look.value, look.error) for look in looks} == {(None, "It has no address yet.")}
