"""Tells nodes to look at their certificates. Called by the reactor; an event is a hint, and its data is not read."""

from __future__ import annotations

import salt.client
from salt.exceptions import SaltException

from saltern import paths
from saltern.errors import SalternError
from saltern.members import Members, proved
from saltern.registry import Registry


def look(node: str) -> bool:
    """Has one node of the registry run ``node_cert.converge``, at most once a minute. Does not wait for it.

    CLI Example:

    .. code-block:: bash

        salt-run renewal.look general-4fk2q9

    Rights: root on the support server.

    :param node: the node's id. One that is no proved node of the registry gets nothing.
    :returns: whether the node was told now.
    """
    given = __opts__.get("saltern", {})
    try:
        known = proved(str(node), Registry(given.get("registry", paths.REGISTRY)))
        if not Members(given.get("members", paths.MEMBERS)).may_look(known):
            return False
        with salt.client.get_local_client(mopts=dict(__opts__)) as client:
            return bool(client.cmd_async([known.id], "node_cert.converge", tgt_type="list"))
    except (SalternError, SaltException):
        return False  # a forged event is no news, and a flood of them must not fill the log
