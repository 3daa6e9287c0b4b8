"""This node's firewall as the cluster's definition and the node's roles want it."""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError


def managed(name: str, desired: dict[str, Any]) -> dict[str, Any]:
    """firewalld enforces ``desired``, now and after every boot.

    .. code-block:: yaml

        Only declared ports are open:
          zone_firewall.managed:
            - desired: {{ pillar.saltern.firewall | tojson }}

    Reads files and runtime once; writes what differs and reloads once; verifies the runtime after a change. Owns the
    zones and policies whose names begin with ``saltern`` and the line ``DefaultZone``; leaves all others alone.

    :param name: a sentence for people.
    :param desired: ``default_zone``, ``zones`` and ``policies`` from :func:`saltern.firewall.rules.desired`.
    """
    return _result(name, ("difference", "apply"), (desired,), "firewalld enforces the declared ports")


def absent(name: str) -> dict[str, Any]:
    """Saltern's zones and policies are gone; zones of others stay; firewalld goes on with its own default zone.

    .. code-block:: yaml

        No firewall rule of Saltern's is left:
          zone_firewall.absent: []

    :param name: a sentence for people.
    """
    return _result(name, ("leftovers", "remove"), (), "no rule of Saltern's is there")


def _result(name: str, functions: tuple[str, str], arguments: tuple[Any, ...], good: str) -> dict[str, Any]:
    look, act = (__salt__[f"zone_firewall.{function}"] for function in functions)
    try:
        changes = look(*arguments)
        if not changes:
            return {"name": name, "changes": {}, "result": True, "comment": good}
        if __opts__["test"]:
            return {"name": name, "changes": changes, "result": None, "comment": f"would change: {', '.join(changes)}"}
        changes = act(*arguments)
    except CommandExecutionError as error:
        return {"name": name, "changes": {}, "result": False, "comment": str(error)}
    return {"name": name, "changes": changes, "result": True, "comment": f"changed: {', '.join(changes)}"}
