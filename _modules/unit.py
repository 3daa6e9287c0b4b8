"""Units of systemd on this node. The state ``unit.running`` is what is normally used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from salt.exceptions import CommandExecutionError

from saltern.clients import systemd
from saltern.errors import told_as

T = TypeVar("T")


def show(name: str) -> dict[str, Any]:
    """What systemd says about a unit.

    CLI Example:

    .. code-block:: bash

        salt-call unit.show consul

    Rights: none.

    :param name: of the unit.
    :returns: ``loaded``, ``active``, ``sub``, ``enabled``, ``stale``, ``group`` and ``runs`` (or is about to).
    :raises CommandExecutionError: systemd does not answer.
    """
    unit = _mapped(systemd.show, name)
    return {**asdict(unit), "runs": unit.runs}


def ensure(name: str, wait: bool = False) -> dict[str, Any]:
    """Starts a unit that does not run, now and at every boot.

    CLI Example:

    .. code-block:: bash

        salt-call unit.ensure docker wait=True

    Rights: root on the node.

    :param name: of the unit.
    :param wait: until it is ready; otherwise systemd only takes the order.
    :returns: what changed.
    :raises CommandExecutionError: systemd does not know the unit or cannot start it.
    """
    return _mapped(_ensure, name, wait)


def renew(name: str, reload: bool = False, wait: bool = False) -> None:
    """Restarts or reloads a unit, by its file as it is now.

    CLI Example:

    .. code-block:: bash

        salt-call unit.renew nginx reload=True wait=True

    Rights: root on the node.

    :param name: of the unit.
    :param reload: reload instead of restart.
    :param wait: until it is done; otherwise systemd only takes the order.
    :raises CommandExecutionError: systemd refuses.
    """
    _mapped(_renew, name, reload, wait)


def leftovers(name: str, file: bool = False) -> dict[str, Any]:
    """What :func:`end` would change.

    CLI Example:

    .. code-block:: bash

        salt-call unit.leftovers consul file=True

    Rights: none.

    :param name: of the unit.
    :param file: the unit's file is to go too.
    :returns: what would change.
    :raises CommandExecutionError: systemd does not answer.
    """
    return _mapped(_leftovers, name, file)


def end(name: str, file: bool = False) -> dict[str, Any]:
    """Stops a unit, now and for every boot.

    CLI Example:

    .. code-block:: bash

        salt-call unit.end docker

    Rights: root on the node.

    :param name: of the unit.
    :param file: also remove the unit's file, which must be one of ours.
    :returns: what changed.
    :raises CommandExecutionError: systemd cannot stop it.
    """
    return _mapped(_end, name, file)


def _ensure(name: str, wait: bool) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    unit = _current(name)
    if not unit.enabled:
        systemd.enable(name)
        changes["enabled"] = {"old": False, "new": True}
    if not unit.runs:
        systemd.order("start", name, wait=wait)
        changes["active"] = {"old": unit.active, "new": systemd.show(name).active}
    return changes


def _renew(name: str, reload: bool, wait: bool) -> None:
    _current(name)
    systemd.order("reload" if reload else "restart", name, wait=wait)


def _leftovers(name: str, file: bool) -> dict[str, Any]:
    unit = systemd.show(name)
    changes: dict[str, Any] = {}
    if unit.runs:
        changes["active"] = {"old": unit.active, "new": "inactive"}
    if unit.enabled:
        changes["enabled"] = {"old": True, "new": False}
    if file and systemd.file_of(name).exists():
        changes["file"] = {"old": str(systemd.file_of(name)), "new": None}
    return changes


def _end(name: str, file: bool) -> dict[str, Any]:
    changes = _leftovers(name, file)
    if "active" in changes:
        systemd.order("stop", name, wait=True)
    if "enabled" in changes:
        systemd.disable(name)
    if "file" in changes:
        systemd.remove(name)
    return changes


def _current(name: str) -> systemd.Unit:
    """The unit by its file as it is now; systemd caches that a file was missing, too."""
    unit = systemd.show(name)
    if unit.stale or not unit.loaded:
        systemd.read_again()
        unit = systemd.show(name)
    return unit


def _mapped(function: Callable[..., T], *arguments: Any) -> T:
    with told_as(CommandExecutionError):
        return function(*arguments)
