"""The first state of every highstate: a node that claims another role, zone or class gets no further."""

from __future__ import annotations

from typing import Any


def verified(name: str) -> dict[str, Any]:
    """The minion's id, role, zone and node_class are those of its node in the registry.

    .. code-block:: yaml

        The node is what the registry says:
          identity.verified:
            - order: first
            - failhard: True

    It never changes anything: grains that lie are looked at by a person. ``failhard`` makes it stop the highstate.

    :param name: the state's own name.
    """
    found = __salt__["identity.difference"]()
    return {
        "name": name,
        "changes": {},
        "result": not found,
        "comment": "\n".join(found) or "The node is what the registry says.",
    }
