"""What a minion may ask the master for. The only runner that ``peer_run`` opens.

The caller is ``__opts__["id"]`` and nothing else: ``RemoteFuncs.minion_runner`` (salt/daemons/masterapi.py, 3008.3)
puts there the id that the channel authenticated. ``__pub_id`` comes from the caller's own arguments.
Every function here is quick and never calls back into a minion, because it holds one of the master's workers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import salt.config

from saltern import paths
from saltern.clients.ca import Ca
from saltern.errors import MemberRefused, SalternError, SigningRefused
from saltern.members import Members, proved
from saltern.model import Node
from saltern.pki import member
from saltern.registry import Registry

log = logging.getLogger(__name__)
SECONDS = 10.0  # in which the signing core answers; this call holds one of the master's workers


def sign(requests: Any = None) -> dict[str, Any]:
    """Signs certificates for the calling node: what the registry entitles it to, all of the requests or none.

    CLI Example:

    .. code-block:: bash

        # on a node, by the state node_cert.managed; never from salt-run, which is no node:
        salt-call publish.runner member.sign '[[{"application": "consul", "name": "consul", "csr": "…"}]]'

    Rights: an accepted minion key of a node in the registry.

    :param requests: a list of 1 to 16 of ``{"application", "name", "csr"}``, the request as PEM of at most 8192
        characters; ``profile`` may stand beside them and must then be the entitled one.
    :returns: ``{"certificates": {"application/name": PEM}}``; ``{"error": text}`` for a refusal, which is logged once;
        ``{"unavailable": text}`` while the authority cannot sign.
    """
    caller = str(__opts__.get("id", ""))
    try:
        if _is_master(caller):
            return _refused(caller, "this is the master itself, which is no node; a node asks by publish.runner")
        where = member.places(__opts__)
        wanted = member.entitled(caller, requests, where)
        asked = [{"spec": spec.as_pillar(), "csr": text} for spec, text in wanted]
        signed = Ca(where.socket, SECONDS).call("sign_node", node=caller, requests=asked)
        return {"certificates": signed["certificates"]}
    except SigningRefused as error:
        return _refused(caller, str(error))
    except SalternError as error:  # nothing is wrong with the node: it asks again
        log.error("member.sign cannot sign for %s: %s", ascii(caller)[:120], error)
        return {"unavailable": str(error)}


def turn(service: Any = None, leading: Any = False) -> dict[str, Any]:
    """Asks for the calling node's turn to restart a service: one node of a service at a time, its leader last.

    CLI Example:

    .. code-block:: bash

        # on a node, by node_cert.converge:
        salt-call publish.runner member.turn '[nomad, False]'

    Rights: an accepted minion key of a node in the registry whose role runs the service.

    :param service: ``consul``, ``vault`` or ``nomad``.
    :param leading: whether the caller leads it; a leader waits for every other that waits.
    :returns: ``{"wait": reason}``, the reason empty when it is the caller's turn, which lasts 15 minutes or until
        :func:`turn_done`; or ``{"error": text}``.
    """
    return _answered("turn", lambda node, members: {"wait": members.take_turn(node, service, leading)})


def turn_done(service: Any = None) -> dict[str, Any]:
    """Gives the calling node's turn back.

    CLI Example:

    .. code-block:: bash

        # on a node, by node_cert.converge:
        salt-call publish.runner member.turn_done '[nomad]'

    Rights: an accepted minion key of a node in the registry whose role runs the service.

    :param service: ``consul``, ``vault`` or ``nomad``.
    :returns: ``{"done": True}``, or ``{"error": text}``.
    """

    def done(node: Node, members: Members) -> dict[str, Any]:
        members.end_turn(node, service)
        return {"done": True}

    return _answered("turn_done", done)


def report(problems: Any = None) -> dict[str, Any]:
    """Keeps what the calling node says about itself, for `cluster.status`; an empty list says that all is well.

    CLI Example:

    .. code-block:: bash

        # on a node, by node_cert.converge:
        salt-call publish.runner member.report '[[]]'

    Rights: an accepted minion key of a node in the registry. A node reports about itself and nobody else.

    :param problems: at most 16 texts of at most 500 characters, in place of those of its last report.
    :returns: ``{"done": True}``, or ``{"error": text}``.
    """

    def keep(node: Node, members: Members) -> dict[str, Any]:
        if members.report(node, problems) and problems:
            log.warning("%s reports: %s", node.id, ascii(problems)[:1000])
        return {"done": True}

    return _answered("report", keep)


def _answered(function: str, answer: Callable[[Node, Members], dict[str, Any]]) -> dict[str, Any]:
    """What a proved node is answered, or why it is refused; a refusal is logged once."""
    caller = str(__opts__.get("id", ""))
    given = __opts__.get("saltern", {})
    try:
        if _is_master(caller):
            raise MemberRefused("this is the master itself, which is no node; a node asks by publish.runner")
        node = proved(caller, Registry(given.get("registry", paths.REGISTRY)))
        return answer(node, Members(given.get("members", paths.MEMBERS)))
    except SalternError as error:
        log.warning("member.%s refused %s: %s", function, ascii(caller)[:120], error)
        return {"error": f"Refused: {error}"}


def _is_master(caller: str) -> bool:
    """Whether ``caller`` is the id under which the master itself runs runners (salt-run, reactor, schedule).

    Inside a minion's call the master's own id is overwritten, so it is read from the configuration again. Without
    ``id:`` there, Salt appends ``_master`` to the host's name, which no id of a node can hold.
    """
    return caller.endswith("_master") or caller == salt.config.master_config(__opts__["conf_file"])["id"]


def _refused(caller: str, reason: str) -> dict[str, Any]:
    log.warning("member.sign refused %s: %s", ascii(caller)[:120], reason)
    return {"error": f"Signing was refused: {reason}"}
