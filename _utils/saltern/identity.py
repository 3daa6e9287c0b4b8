"""Does a node claim to be what the registry says it is? Grains pick states, so a difference stops the highstate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saltern.errors import Problem

GRAINS_FILE = "/etc/salt/minion.d/saltern.conf"
_COMPARED = ("role", "zone", "node_class")


def differences(claimed: Mapping[str, Any], pillar: Mapping[str, Any]) -> list[Problem]:
    """Everything in which a minion differs from its node in the registry.

    :param claimed: the minion's grains; ``role`` is a list, or a single text.
    :param pillar: its pillar ``saltern``.
    """
    minion = str(claimed.get("id", ""))
    if pillar.get("unknown") or "node" not in pillar:
        return [_unknown(minion, str(pillar.get("state", "")))]
    registered = pillar["node"]
    problems = []
    if registered["id"] != minion:
        cure = "give the minion its own id and key again; two machines with one id look like this."
        what = f"the minion calls itself `{minion}`, but its key belongs to `{registered['id']}`"
        problems.append(Problem(what, node=minion, cure=cure))
    for name in _COMPARED:
        has, wants = _plain(claimed.get(name)), _plain(registered[name])
        if has != wants:
            what = f"the grain {name} is `{_text(has)}`, but the registry says `{_text(wants)}`"
            cure = (
                f"set `{name}: {_yaml(registered[name])}` under `grains:` in {GRAINS_FILE} and restart salt-minion. "
                "If nobody changed it there, treat the node as taken over and replace it."
            )
            problems.append(Problem(what, node=minion, cure=cure))
    return problems


def _unknown(minion: str, state: str) -> Problem:
    if state:
        what = f"the registry has this node as `{state}`: its Salt key was never proved"
        cure = "`salt-run cluster.build` reads its fingerprint and accepts it; never accept such a key by hand."
        return Problem(what, node=minion, cure=cure)
    what = "the registry does not know this node"
    cure = "delete its Salt key if nobody should use it; nodes are made by `salt-run cluster.build`."
    return Problem(what, node=minion, cure=cure)


def _plain(value: Any) -> frozenset[str]:
    """A role list in any order, or one word, as a set."""
    if value is None or value == "":
        return frozenset()
    return frozenset(str(one) for one in value) if isinstance(value, (list, tuple, set)) else frozenset({str(value)})


def _text(values: frozenset[str]) -> str:
    return ", ".join(sorted(values)) or "not set"


def _yaml(value: Any) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, (list, tuple)) else str(value)
