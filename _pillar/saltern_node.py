"""External pillar ``saltern``: what the registry entitles one minion id to, and nothing else.

Configuration on the master::

    ext_pillar:
      - saltern: {}

The file is not called ``saltern.py``: Salt puts its folder on the import path, where the package has that name.
"""

from __future__ import annotations

from typing import Any

from salt.exceptions import CommandExecutionError

from saltern.errors import told_as
from saltern.pillar_sources import compile_pillar

__virtualname__ = "saltern"


def __virtual__() -> str:
    return __virtualname__


def ext_pillar(minion_id: str, pillar: dict[str, Any], **places: str) -> dict[str, Any]:
    """The pillar of one minion, by its authenticated id; its grains are never looked at.

    CLI Example:

    .. code-block:: bash

        salt-run pillar.show_pillar server-4fk2q9

    Rights: root on the support server. Only the minion itself gets the result.

    :param minion_id: the id that the master authenticated.
    :param pillar: what other pillars gave; not used.
    :param places: other files than those of ``saltern.paths``: ``directory`` (the definition), ``registry``,
        ``journal``, ``roots``, ``store``, ``profiles``.
    :returns: ``{"saltern": {…}}``; for an id that is not a proved node of the registry only ``unknown: True``.
    :raises CommandExecutionError: a source cannot be used; Salt then gives the minion an error and no pillar.
    """
    with told_as(CommandExecutionError):
        return compile_pillar(minion_id, **places)
