"""What each API shows to a caller without a token. Nothing is wanted, but for health and public keys."""

from __future__ import annotations

from saltern.clients.consul import Consul
from saltern.clients.http import Endpoint
from saltern.clients.nomad import Nomad
from saltern.clients.vault import Vault
from saltern.model import Node
from saltern.prove.view import CANARY_SECRET, ClusterView

# Refused: any success is a hole. Filtered: the service always answers, a hole shows as content.
CONSUL_REFUSED = ("/v1/kv/saltern-probe", "/v1/agent/self", "/v1/operator/raft/configuration", "/v1/acl/tokens")
CONSUL_FILTERED = ("/v1/catalog/nodes", "/v1/catalog/services", "/v1/agent/members", "/v1/session/list", "/v1/query")
VAULT_REFUSED = ("/v1/sys/mounts", "/v1/sys/policies/acl/default", f"/v1/secret/data/{CANARY_SECRET}")
NOMAD_REFUSED = (
    "/v1/jobs",
    "/v1/nodes",
    "/v1/allocations",
    "/v1/agent/self",
    "/v1/agent/members",
    "/v1/operator/raft/configuration",
    "/v1/acl/tokens",
)
NOMAD_FILTERED = ("/v1/acl/policies", "/v1/namespaces", "/v1/vars")
ERRORS = tuple(range(400, 600))
NOT_FOUND = 404  # "you may look, there is nothing" is a hole too


def consul(view: ClusterView, node: Node, timeout: float) -> list[str]:
    """The paths at which the node's Consul agent shows something."""
    client = Consul(node.address, view.ca_files["consul"], timeout=timeout, node=node.id)
    return _shown(client.endpoint, CONSUL_REFUSED, CONSUL_FILTERED)


def vault(view: ClusterView, node: Node, timeout: float) -> list[str]:
    """The paths at which the node's Vault shows something; a sealed one shows nothing."""
    client = Vault(node.address, view.ca_files["vault"], timeout=timeout, node=node.id)
    return _shown(client.endpoint, VAULT_REFUSED, ())


def nomad(view: ClusterView, node: Node, timeout: float) -> list[str]:
    """The paths at which the node's Nomad agent shows something."""
    client = Nomad(node.address, view.ca_files["nomad"], timeout=timeout, node=node.id)
    return _shown(client.endpoint, NOMAD_REFUSED, NOMAD_FILTERED)


def _shown(endpoint: Endpoint, refused: tuple[str, ...], filtered: tuple[str, ...]) -> list[str]:
    shown = []
    for path in refused:
        status = endpoint.request("GET", path, also=ERRORS).status
        if status not in ERRORS or status == NOT_FOUND:
            shown.append(path)
    for path in filtered:
        answer = endpoint.request("GET", path, also=ERRORS)
        if answer.status not in ERRORS and answer.json():
            shown.append(path)
    return shown
