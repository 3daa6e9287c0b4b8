"""What this node tells about itself before the bootstrap."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import salt.version
from salt.utils import network

from saltern.clients import node_facts


def facts() -> dict[str, Any]:
    """Facts that the support server's preflight judges: time, versions, memory, disk, addresses, ports, firewall.

    CLI Example:

    .. code-block:: bash

        salt-call preflight.facts

    Rights: root on the node; as another user the programs that hold ports are unknown.

    :returns: plain data; memory and disk in bytes, time in Unix time, every listening socket with its program.
        It holds no secret and changes nothing.
    """
    texts = [*network.ip_addrs(), *network.ip_addrs6()]
    addresses = [ip_address(text.partition("%")[0]) for text in texts]
    return node_facts.gather(salt.version.__version__, [str(one) for one in addresses if not one.is_link_local])
