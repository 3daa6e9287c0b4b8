"""Every secret that can be chosen is chosen now, before any system has seen it.

So every agent's final configuration can lie on its disk before Consul exists, and a killed run loses nothing.
"""

import base64
import os
import uuid
from collections.abc import Callable

from saltern.bootstrap.cluster import Cluster
from saltern.bootstrap.steps.preflight import FIXED

TITLE = "The secrets are generated and journalled"
NEEDS = ("preflight",)


def _gossip_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()  # AES-256, what `consul keygen` gives


def _uuid() -> str:
    return str(uuid.UUID(bytes=os.urandom(16), version=4))


COMMON = {
    "consul_gossip": _gossip_key,
    "nomad_gossip": _gossip_key,
    "consul_bootstrap": _uuid,
    "nomad_bootstrap": _uuid,
    "consul_status_token": _uuid,
    "consul_dns_token": _uuid,
    "vault_storage_token": _uuid,
    "vault_seal_token": _uuid,
    "nomad_server_consul_token": _uuid,
    "nomad_client_consul_token": _uuid,
    "vault_engine_consul_token": _uuid,
    "canary_marker": _uuid,
}


def _wanted(cluster: Cluster) -> dict[str, Callable[[], str]]:
    return {**COMMON, **{f"consul_agent_token/{node.id}": _uuid for node in cluster.nodes}}


def check(cluster: Cluster) -> bool:
    return set(_wanted(cluster)) <= {secret.name for secret in cluster.journal.secrets()}


def apply(cluster: Cluster) -> None:
    for key in FIXED:
        cluster.journal.remember(f"definition/{key}", getattr(cluster.definition, key))
    known = {secret.name for secret in cluster.journal.secrets()}
    for name, make in _wanted(cluster).items():
        if name not in known:
            cluster.journal.ensure_secret(name, make)


def verify(cluster: Cluster) -> None:
    for name in _wanted(cluster):
        cluster.journal.secret(name)  # raises when it cannot be opened
