"""Tells the master that a certificate of this node needs something. The node renews by itself; this only wakes it.

It looks in a child process. The minion's daemon must never import the package: every job is a fork of the daemon, and
would work with the modules that the daemon knew, not with those that were synchronised since (salt#15233).

Configuration of a minion (``support/etc/minion.d/baseline.conf``)::

    beacons:
      node_cert:
        - interval: 60
"""

from __future__ import annotations

import logging
import multiprocessing
from multiprocessing.connection import Connection
from typing import Any

from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)

SECONDS = 10.0  # this node's own ports answer within milliseconds
_FORK = multiprocessing.get_context("fork")


def validate(config: Any) -> tuple[bool, str]:
    """Whether the configuration is one: a list of mappings."""
    if isinstance(config, list) and all(isinstance(one, dict) for one in config):
        return True, "Valid beacon configuration"
    return False, "Configuration of the beacon node_cert must be a list, such as [{interval: 60}]"


def beacon(config: list[dict[str, Any]]) -> list[dict[str, str]]:
    """An event ``salt/beacon/<id>/node_cert/<kind>`` for each kind of finding, without anything about it.

    The kinds are those of :class:`saltern.pki.serving.Finding`. A node that knows no certificates is silent.
    """
    reader, writer = _FORK.Pipe(duplex=False)
    child = _FORK.Process(target=_look, args=(writer,), daemon=True)
    child.start()
    writer.close()
    try:
        kinds = reader.recv() if reader.poll(SECONDS) else []
    except EOFError:
        kinds = []
    finally:
        child.kill()
        child.join()
        reader.close()
    return [{"tag": kind} for kind in kinds]


def close(config: list[dict[str, Any]]) -> None:
    """Nothing is held open. Where a beacon has no such function, Salt loads all that there are to look for it."""


def _look(writer: Connection) -> None:
    try:
        found = __salt__["node_cert.check"]()
    except (CommandExecutionError, KeyError) as error:  # not proved yet, or no modules yet; the highstate tells
        log.debug("node_cert: %s", error)
        found = []
    writer.send(sorted({one["kind"] for one in found}))
