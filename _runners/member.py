"""What a minion may ask the master for. The only runner that ``peer_run`` opens.

The caller is ``__opts__["id"]`` and nothing else: ``RemoteFuncs.minion_runner`` (salt/daemons/masterapi.py, 3008.3)
puts there the id that the channel authenticated. ``__pub_id`` comes from the caller's own arguments.
Every function here is quick and never calls back into a minion, because it holds one of the master's workers.
"""

from __future__ import annotations

import logging
from typing import Any

import salt.config

from saltern.errors import SalternError
from saltern.pki import authority

log = logging.getLogger(__name__)


def sign(requests: Any = None) -> dict[str, Any]:
    """Signs certificates for the calling node: what the registry entitles it to, all of the requests or none.

    CLI Example:

    .. code-block:: bash

        # on a node, by the state node_cert.managed; never from salt-run, which is no node:
        salt-call publish.runner member.sign '[[{"application": "consul", "name": "consul", "csr": "…"}]]'

    Rights: an accepted minion key of a node in the registry.

    :param requests: a list of 1 to 16 of ``{"application", "name", "csr"}``, the request as PEM of at most 8192
        characters; ``profile`` may stand beside them and must then be the entitled one.
    :returns: ``{"certificates": {"application/name": PEM}}``, or ``{"error": text}``; a refusal is logged once.
    """
    caller = str(__opts__.get("id", ""))
    try:
        if _is_master(caller):
            return _refused(caller, "this is the master itself, which is no node; a node asks by publish.runner")
        return {"certificates": authority.sign(caller, requests, authority.places(__opts__))}
    except SalternError as error:
        return _refused(caller, str(error))


def _is_master(caller: str) -> bool:
    """Whether ``caller`` is the id under which the master itself runs runners (salt-run, reactor, schedule).

    Inside a minion's call the master's own id is overwritten, so it is read from the configuration again. Without
    ``id:`` there, Salt appends ``_master`` to the host's name, which no id of a node can hold.
    """
    return caller.endswith("_master") or caller == salt.config.master_config(__opts__["conf_file"])["id"]


def _refused(caller: str, reason: str) -> dict[str, Any]:
    log.warning("member.sign refused %s: %s", ascii(caller)[:120], reason)
    return {"error": f"Signing was refused: {reason}"}
