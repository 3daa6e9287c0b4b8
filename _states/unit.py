"""Services that run. Salt's own ``service.running`` waits for a unit of type ``notify``, or calls it failed.

A Consul or Nomad server is ready only with its peers, which the same highstate starts elsewhere: here it is enough that
systemd took the order. Whether a service works is asked from outside (`salt-run cluster.status`), never of systemd.
"""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError


def running(name: str, wait: bool = False, reload: bool = False) -> dict[str, Any]:
    """The unit runs, or is about to, and starts at every boot.

    .. code-block:: yaml

        Consul runs:
          unit.running:
            - name: consul
            - watch:
              - file: Consul is configured

    With ``watch`` it is restarted when something watched changes.

    :param name: of the unit.
    :param wait: until it is ready.
    :param reload: a watched change reloads it and never restarts it.
    """
    try:
        unit = __salt__["unit.show"](name)
        if unit["runs"] and unit["enabled"]:
            return _result(name, True, f"{name} is {unit['active']}")
        if __opts__["test"]:
            changes = {"active": {"old": unit["active"], "new": "active"}}
            return _result(name, None, f"{name} would be started and enabled", changes)
        return _result(name, True, f"{name} was started", __salt__["unit.ensure"](name, wait))
    except CommandExecutionError as error:
        return _result(name, False, str(error))


def reloaded(name: str) -> dict[str, Any]:
    """A unit that runs reads its files again. Use it with ``onchanges``: it reloads every time that it is called.

    .. code-block:: yaml

        Consul takes renewed certificates:
          unit.reloaded:
            - name: consul
            - onchanges:
              - node_cert: This node's certificates are current

    Put it before ``unit.running`` of the same unit: a unit that does not run is left alone.

    :param name: of the unit.
    """
    try:
        if not __salt__["unit.show"](name)["runs"]:
            return _result(name, True, f"{name} does not run")
    except CommandExecutionError as error:
        return _result(name, False, str(error))
    return mod_watch(name, sfun="running", reload=True)


def dead(name: str) -> dict[str, Any]:
    """The unit does not run and does not start at boot; its file, a package's, stays.

    .. code-block:: yaml

        Docker does not run:
          unit.dead:
            - name: docker

    :param name: of the unit.
    """
    return _ended(name, file=False)


def absent(name: str) -> dict[str, Any]:
    """The unit, one of ours, does not run, and its file is gone.

    .. code-block:: yaml

        Consul does not run:
          unit.absent:
            - name: consul

    :param name: of the unit.
    """
    return _ended(name, file=True)


def _ended(name: str, *, file: bool) -> dict[str, Any]:
    try:
        changes = __salt__["unit.leftovers"](name, file)
        if not changes:
            return _result(name, True, f"{name} does not run")
        if __opts__["test"]:
            return _result(name, None, f"{name} would be ended", changes)
        return _result(name, True, f"{name} was ended", __salt__["unit.end"](name, file))
    except CommandExecutionError as error:
        return _result(name, False, str(error))


def mod_watch(
    name: str, sfun: str = "", wait: bool = False, reload: bool = False, **_requisites: Any
) -> dict[str, Any]:
    """What Salt calls when something that :func:`running` watches has changed.

    :param sfun: the state function that watches; only ``running`` can.
    """
    verb = "reloaded" if reload else "restarted"
    if sfun != "running":
        return _result(name, False, f"unit.{sfun} cannot watch")
    if __opts__["test"]:
        return _result(name, None, f"{name} would be {verb}", {verb: name})
    try:
        __salt__["unit.renew"](name, reload, wait)
    except CommandExecutionError as error:
        return _result(name, False, str(error))
    return _result(name, True, f"{name} was {verb}", {verb: name})


def _result(name: str, result: bool | None, comment: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": name, "changes": changes or {}, "result": result, "comment": comment}
