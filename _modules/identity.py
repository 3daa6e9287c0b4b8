"""This minion's identity: what it claims by its grains against what the registry says of its id."""

from __future__ import annotations

from saltern.identity import differences


def difference() -> list[str]:
    """Everything in which this minion's grains differ from its node in the registry.

    CLI Example:

    .. code-block:: bash

        salt-call identity.difference

    Rights: root on the node.

    :returns: one sentence with both values and the cure for each difference; empty where there is none.
    """
    return [str(problem) for problem in differences(__grains__, __pillar__.get("saltern", {}))]
