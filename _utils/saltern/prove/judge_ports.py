"""Claims about ports: what they serve, whom they refuse, what they show without a token. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from saltern.model import Node
from saltern.pki.ports import CONSUL_PLAIN_HTTP, TlsPort, tls_ports
from saltern.prove.claims import NODE_DOWN, Claim, Result, claim, without_value
from saltern.prove.observations import Observations
from saltern.prove.view import ClusterView

SERVICE_NAMES = {"consul": "Consul", "vault": "Vault", "nomad": "Nomad"}
FIRST_ERROR = 400
DAY = 86400


def port_claims(view: ClusterView, seen: Observations) -> list[Claim]:
    """Every claim about ports, node by node."""
    return [one for node in view.nodes for one in _of_node(view, node, seen)]


def _of_node(view: ClusterView, node: Node, seen: Observations) -> Iterator[Claim]:
    for port in tls_ports(node, view.definition):
        yield _served(node, port, seen)
        if port.mutual:
            yield _mutual(node, port, seen)
    yield _plain(view, node, seen)
    for service, title in SERVICE_NAMES.items():
        if (service, node.id) in seen.anonymous:
            yield _anonymous(node, service, title, seen)
    if node.id in seen.jwks:
        yield _jwks(node, seen)


def _served(node: Node, port: TlsPort, seen: Observations) -> Claim:
    found = seen.tls[node.id, port.number]
    names = " and ".join((*port.names, node.address))
    title = f"{node.id}: {port.label} (port {port.number}) shows a certificate of the {port.root} root for {names}"
    name = f"tls.{node.id}.{port.number}"
    if found.value is None:
        return without_value(name, title, found, node=node.id)
    days = (found.value.expires - seen.at) / DAY if found.value.expires else 0
    cure = f"`salt {node.id} state.apply` writes and serves the right one; find out who changed it."
    problem = "; ".join(found.value.problems)
    return claim(name, title, problem, evidence=f"for {days:.0f} days more", node=node.id, cure=cure)


def _mutual(node: Node, port: TlsPort, seen: Observations) -> Claim:
    found = seen.tls[node.id, port.number]
    title = f"{node.id}: {port.label} (port {port.number}) refuses a client without a certificate"
    name = f"mutual.{node.id}.{port.number}"
    if found.value is None:
        return without_value(name, title, found, node=node.id)
    problem = ""
    if not found.value.refused:
        problem = "it asked for one, then let the client in" if found.value.asked else "it did not ask for one"
    cure = f"`salt {node.id} state.apply` restores the configuration; find out who changed it."
    return claim(name, title, problem, evidence=found.value.refused, node=node.id, cure=cure)


def _plain(view: ClusterView, node: Node, seen: Observations) -> Claim:
    """Consul's plain port must be closed; the others answer plain HTTP with an error."""
    name, title = f"plain.{node.id}", f"{node.id}: plain HTTP gets nothing"
    if seen.silent(node.id):
        return Claim(name, title, Result.UNKNOWN, "none of its ports gives an answer", node.id, NODE_DOWN)
    answers = {number: look.value for (where, number), look in seen.plain.items() if where == node.id and look.value}
    open_ports = [
        str(number) for number, value in answers.items() if number == CONSUL_PLAIN_HTTP or value[0] < FIRST_ERROR
    ]
    problem = f"plain HTTP is answered on port {', '.join(sorted(open_ports))}" if open_ports else ""
    cure = f"`salt {node.id} state.apply` restores configuration and firewall; find out who changed them."
    return claim(name, title, problem, node=node.id, cure=cure)


def _anonymous(node: Node, service: str, label: str, seen: Observations) -> Claim:
    found = seen.anonymous[service, node.id]
    title = f"{node.id}: {label} shows nothing without a token"
    name = f"anonymous.{service}.{node.id}"
    if found.value is None:
        return without_value(name, title, found, node=node.id)
    problem = f"it answers {', '.join(found.value)}" if found.value else ""
    cure = f"Take the rights away from {label}'s anonymous token, then find out who gave them."
    return claim(name, title, problem, node=node.id, cure=cure)


def _jwks(node: Node, seen: Observations) -> Claim:
    found = seen.jwks[node.id]
    title, name = f"{node.id}: Nomad shows its health and its public keys to anyone", f"jwks.{node.id}"
    if found.value is None:
        return without_value(name, title, found, node=node.id)
    problem = "" if found.value else "it shows no key"
    cure = f"Consul and Vault need the keys to know Nomad's jobs: journalctl -u nomad on {node.id}."
    return claim(name, title, problem, evidence=f"{found.value} keys", node=node.id, cure=cure)
