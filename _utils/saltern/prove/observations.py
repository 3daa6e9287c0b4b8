"""Everything that the prover and the status page look at, at once: one slow or dead node delays nothing but itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from saltern.clients.consul import Consul, Member
from saltern.clients.nomad import Nomad
from saltern.clients.vault import Health, Vault
from saltern.errors import ServiceError, ServiceUnreachable
from saltern.model import Node
from saltern.pki import tls_probe
from saltern.pki.ports import CONSUL_PLAIN_HTTP, TlsPort, tls_ports
from saltern.prove import anonymous, plain
from saltern.prove.view import CANARY, ClusterView, Seen, attempt

SECONDS = 3.0  # for one call; a healthy neighbour answers within milliseconds
SECONDS_CLOSED = 1.0  # for a port that should be closed: a firewall that drops is waited out
WORKERS = 48  # they wait, they do not compute
ANONYMOUS_CONSUL = "00000000-0000-0000-0000-000000000002"  # the accessor of Consul's anonymous token, a constant
T = TypeVar("T")


@dataclass(frozen=True)
class TlsSeen:
    """What a TLS port served to a client without a certificate.

    :param expires: the end of the served leaf, Unix time.
    :param refused: by which alert the client was refused, empty when it was not.
    """

    problems: tuple[str, ...]
    expires: float | None
    asked: bool
    refused: str


@dataclass(frozen=True)
class CanarySeen:
    """What one instance of the canary serves."""

    node: str
    where: str
    lines: dict[str, str]


@dataclass(frozen=True)
class ConsulSeen:
    """Consul, as one of its servers tells it to a token that may read."""

    leader: str
    voters: list[dict[str, Any]]
    healthy: dict[str, bool]  # by node
    members: list[Member]
    anonymous_rights: list[str]


@dataclass(frozen=True)
class NomadSeen:
    """Nomad, as one of its servers tells it to a token that may read."""

    leader: str
    voters: list[dict[str, Any]]
    healthy: dict[str, bool]  # by node
    nodes: list[dict[str, Any]]


@dataclass
class Observations:
    """What was seen; by node id, ports by node id and number."""

    at: float = field(default_factory=time.time)
    tls: dict[tuple[str, int], Seen[TlsSeen]] = field(default_factory=dict)
    plain: dict[tuple[str, int], Seen[tuple[int, str]]] = field(default_factory=dict)
    anonymous: dict[tuple[str, str], Seen[list[str]]] = field(default_factory=dict)  # (service, node id)
    vault: dict[str, Seen[Health]] = field(default_factory=dict)
    jwks: dict[str, Seen[int]] = field(default_factory=dict)  # how many public keys
    consul: Seen[ConsulSeen] = field(default_factory=lambda: Seen(None, "No Consul server is registered."))
    nomad: Seen[NomadSeen] = field(default_factory=lambda: Seen(None, "No Nomad server is registered."))
    canary: Seen[list[CanarySeen]] = field(default_factory=lambda: Seen(None, "No Consul server answers."))

    def silent(self, node: str) -> bool:
        """Whether no TLS port of the node gave any answer."""
        looks = [look for (where, _), look in self.tls.items() if where == node]
        return bool(looks) and not any(look.value or look.answered for look in looks)


def gather(view: ClusterView) -> Observations:
    """Look at everything. Changes nothing."""
    seen = Observations()
    roots = {root: attempt(partial(_root, file)) for root, file in view.ca_files.items()}
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="prove") as pool:
        consul = _first_of(pool, view.having("consul-server"), partial(_ask_consul, view))
        nomad = _first_of(pool, view.having("nomad-server"), partial(_ask_nomad, view))
        canaries = _first_of(pool, view.having("consul-server"), partial(_ask_canary, view))
        pending: list[tuple[dict[Any, Any], Any, Future[Any]]] = []

        def later(target: dict[Any, Any], key: Any, look: Callable[[], Any]) -> None:
            pending.append((target, key, pool.submit(attempt, look)))

        for node in view.nodes:
            _look_at(view, node, seen, roots, later)
        for target, key, future in pending:
            target[key] = future.result()
        seen.consul = _best(consul, seen.consul)
        seen.nomad = _best(nomad, seen.nomad)
        seen.canary = _best(canaries, seen.canary)
    return seen


Later = Callable[[dict[Any, Any], Any, Callable[[], Any]], None]


def _look_at(view: ClusterView, node: Node, seen: Observations, roots: dict[str, Seen[str]], later: Later) -> None:
    """Everything that is looked at on one node. One without an address is nowhere, least of all on this machine."""
    if not node.address:
        later = partial(_nowhere, later, node)
    for port in tls_ports(node, view.definition):
        later(seen.tls, (node.id, port.number), partial(_tls, node, port, roots[port.root]))
        if port.http:
            later(seen.plain, (node.id, port.number), partial(plain.ask, node.address, port.number, timeout=SECONDS))
    later(
        seen.plain,
        (node.id, CONSUL_PLAIN_HTTP),
        partial(plain.ask, node.address, CONSUL_PLAIN_HTTP, timeout=SECONDS_CLOSED),
    )
    later(seen.anonymous, ("consul", node.id), partial(anonymous.consul, view, node, SECONDS))
    if node in view.vaults():
        later(seen.vault, node.id, partial(_vault, view, node))
        later(seen.anonymous, ("vault", node.id), partial(anonymous.vault, view, node, SECONDS))
    if node.has("nomad-server") or node.has("nomad-client"):
        later(seen.anonymous, ("nomad", node.id), partial(anonymous.nomad, view, node, SECONDS))
    if node.has("nomad-server"):
        later(seen.jwks, node.id, partial(_jwks, view, node))


def _nowhere(later: Later, node: Node, target: dict[Any, Any], key: Any, _: Callable[[], Any]) -> None:
    def look() -> None:
        raise ServiceError("It has no address yet.", node=node.id, cure="Run cluster.build.")

    later(target, key, look)


def _root(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii")
    except OSError as error:
        raise ServiceUnreachable(f"The root {file} cannot be read.", cure="Run cluster.bootstrap.") from error


def _tls(node: Node, port: TlsPort, root: Seen[str]) -> TlsSeen:
    if root.value is None:
        raise ServiceUnreachable(root.error, cure=root.cure)
    served = tls_probe.probe(node.address, port.number, preamble=port.preamble, timeout=SECONDS)
    problems = [one for name in (*port.names, node.address) for one in tls_probe.verify(served, root.value, name)]
    leaf = served.leaf
    expires = leaf.not_valid_after_utc.timestamp() if leaf else None
    return TlsSeen(tuple(dict.fromkeys(problems)), expires, served.client_certificate_requested, served.refused)


def _vault(view: ClusterView, node: Node) -> Health:
    return Vault(node.address, view.ca_files["vault"], timeout=SECONDS, node=node.id).state()


def _jwks(view: ClusterView, node: Node) -> int:
    client = Nomad(node.address, view.ca_files["nomad"], timeout=SECONDS, node=node.id)
    client.agent_health()
    return len(client.jwks().get("keys") or ())


def _consul(view: ClusterView, node: Node) -> Consul:
    return Consul(node.address, view.ca_files["consul"], view.consul_token, SECONDS, node=node.id)


def _ask_consul(view: ClusterView, node: Node) -> ConsulSeen:
    client = _consul(view, node)
    leader = client.leader()
    if not leader:
        raise ServiceError("Consul has no leader.", node=node.id, cure=f"journalctl -u consul on {node.id}")
    token = client.token(ANONYMOUS_CONSUL) or {}
    rights = [f"{row['Name']}" for kind in ("Policies", "Roles") for row in token.get(kind) or ()]
    health = client.autopilot_health()
    healthy = {str(server["Name"]): bool(server["Healthy"]) for server in health["Servers"] or ()}
    return ConsulSeen(leader, client.raft_voters(), healthy, client.members(), rights)


def _ask_nomad(view: ClusterView, node: Node) -> NomadSeen:
    client = Nomad(node.address, view.ca_files["nomad"], view.nomad_token, SECONDS, node=node.id)
    leader = client.leader()
    health = client.autopilot_health()
    # Not from Raft's configuration: Nomad shows that to management tokens only.
    servers = [{**server, "Node": _server(server["Name"])} for server in health["Servers"] or ()]
    healthy = {str(server["Node"]): bool(server["Healthy"]) for server in servers}
    voters = [server for server in servers if server["Voter"]]
    return NomadSeen(leader, voters, healthy, client.nodes())


def _server(name: str) -> str:
    """Nomad calls its servers ``<node>.<region>``."""
    return str(name).rsplit(".", 1)[0]


def _ask_canary(view: ClusterView, node: Node) -> list[CanarySeen]:
    return canaries(_consul(view, node))


def canaries(consul: Consul) -> list[CanarySeen]:
    """What every instance serves that passes its check in Consul."""
    found = []
    for entry in consul.service_health(CANARY):
        address, port = str(entry["Service"]["Address"]), int(entry["Service"]["Port"])
        answer = attempt(partial(plain.ask, address, port, timeout=SECONDS))
        text = answer.value[1] if answer.value and answer.value[0] == 200 else ""
        lines = {key: rest.strip() for key, _, rest in (line.partition(" ") for line in text.splitlines())}
        found.append(CanarySeen(str(entry["Node"]["Node"]), f"{address} port {port}", lines))
    return found


def _first_of(pool: ThreadPoolExecutor, nodes: Iterable[Node], look: Callable[[Node], T]) -> list[Future[Seen[T]]]:
    """Ask every server at the same time; any of them may answer for all."""
    return [pool.submit(attempt, partial(look, node)) for node in nodes]


def _best(asked: list[Future[Seen[T]]], otherwise: Seen[T]) -> Seen[T]:
    """The first answer with a value, else the first error."""
    answers = [future.result() for future in asked]
    return next((answer for answer in answers if answer.value is not None), answers[0] if answers else otherwise)
