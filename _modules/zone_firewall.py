"""This node's firewall, as firewalld holds it. The state ``zone_firewall.managed`` is what is normally used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from salt.exceptions import CommandExecutionError

from saltern.clients import firewalld
from saltern.errors import FirewallError, told_as
from saltern.firewall import changes

T = TypeVar("T")


def difference(desired: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What differs between this node's firewall, on disk and running, and ``desired``.

    CLI Example:

    .. code-block:: bash

        salt-call zone_firewall.difference "$(salt-call --out=json --local pillar.get saltern:firewall)"

    Rights: root on the node.

    :param desired: ``default_zone``, ``zones`` and ``policies``, as in pillar ``saltern:firewall``.
    :returns: each difference with its old and new value; empty where there is none.
    :raises CommandExecutionError: firewalld cannot work on this node.
    """
    return _mapped(_difference, desired)


def apply(desired: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Writes what differs, makes firewalld enforce it in one go, and verifies what it enforces.

    CLI Example:

    .. code-block:: bash

        salt-call state.apply base.firewall

    Rights: root on the node.

    :param desired: as in :func:`difference`.
    :returns: the changes that were made.
    :raises CommandExecutionError: firewalld cannot work, or enforces something else afterwards.
    """
    return _mapped(_apply, desired)


def leftovers() -> dict[str, dict[str, Any]]:
    """What :func:`remove` would take away.

    CLI Example:

    .. code-block:: bash

        salt-call zone_firewall.leftovers

    Rights: root on the node.

    :returns: each file and setting of Saltern's with its old value.
    """
    return changes.of_removal(firewalld.read())


def remove() -> dict[str, dict[str, Any]]:
    """Takes Saltern's zones and policies away, and nothing else; the default zone becomes firewalld's own.

    CLI Example:

    .. code-block:: bash

        salt-call zone_firewall.remove

    Rights: root on the node.

    :returns: the changes that were made.
    :raises CommandExecutionError: firewalld does not take the files.
    """
    return _mapped(_remove)


def _difference(desired: dict[str, Any]) -> dict[str, dict[str, Any]]:
    firewalld.require_installed()
    found = changes.of_files(firewalld.read(), desired)
    return {**found, **changes.of_runtime(firewalld.runtime(desired["zones"]), desired)}


def _apply(desired: dict[str, Any]) -> dict[str, dict[str, Any]]:
    firewalld.require_installed()
    found = firewalld.read()
    of_files = changes.of_files(found, desired)
    made = {**of_files, **changes.of_runtime(firewalld.runtime(desired["zones"]), desired)}
    if not made:
        return {}
    _write(of_files)
    firewalld.enforce(enable=not found.enabled)
    left = changes.of_runtime(firewalld.runtime(desired["zones"]), desired)
    if left:
        raise FirewallError(
            f"firewalld does not enforce what its files say: {left}", cure="See `journalctl -u firewalld`."
        )
    return made


def _remove() -> dict[str, dict[str, Any]]:
    made = changes.of_removal(firewalld.read())
    if made:
        _write(made)
        firewalld.enforce(enable=False)
    return made


def _write(made: dict[str, dict[str, Any]]) -> None:
    default_zone = made.get("default zone", {}).get("new", "")
    firewalld.write({path: change["new"] for path, change in made.items() if path.endswith(".xml")}, default_zone)


def _mapped(function: Callable[..., T], *arguments: Any) -> T:
    with told_as(CommandExecutionError):
        return function(*arguments)
