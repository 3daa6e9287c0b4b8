"""Claims about Consul, Vault, Nomad and the canary as wholes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from saltern.clients.vault import Health
from saltern.model import Node
from saltern.prove.claims import Claim, Result, claim, without_value
from saltern.prove.observations import ANONYMOUS_CONSUL, ConsulSeen, NomadSeen, Observations
from saltern.prove.view import ClusterView


def service_claims(view: ClusterView, seen: Observations) -> list[Claim]:
    """Every claim about services."""
    return [*_consul(view, seen), *_vault(view, seen), *_nomad(view, seen), _canary(view, seen)]


# Consul


def _consul(view: ClusterView, seen: Observations) -> Iterator[Claim]:
    declared = view.count("consul-server")
    titles = {
        "consul.voters": f"Consul has a leader and {_voters(declared)}, all alive",
        "consul.members": f"All {len(view.nodes)} nodes are alive in Consul",
        "consul.anonymous": "Consul's anonymous token has no rights",
    }
    found = seen.consul.value
    if found is None:
        for name, title in titles.items():
            yield without_value(name, title, seen.consul)
        return
    problem = _quorum(declared, view.having("consul-server"), found.voters, found.healthy)
    cure = "journalctl -u consul on the server that is missing; two of three must run."
    yield claim("consul.voters", titles["consul.voters"], problem, evidence=f"leader {found.leader}", cure=cure)
    yield _members(view, found, titles["consul.members"])
    problem = f"it has {', '.join(found.anonymous_rights)}" if found.anonymous_rights else ""
    cure = f"Take them away: consul acl token update -accessor-id {ANONYMOUS_CONSUL}. Then find out who gave them."
    yield claim("consul.anonymous", titles["consul.anonymous"], problem, cure=cure)


def _members(view: ClusterView, found: ConsulSeen, title: str) -> Claim:
    states = {member.name: member.state for member in found.members}
    missing = [f"{node.id} is {states.get(node.id, 'absent')}" for node in view.nodes if states.get(node.id) != "alive"]
    known = {node.id for node in view.nodes}
    strangers = sorted(name for name, state in states.items() if state == "alive" and name not in known)
    missing += [f"{name} is alive but not registered" for name in strangers]
    cure = "Start the node, or see journalctl -u consul there; one that is not registered has no business here."
    return claim("consul.members", title, "; ".join(missing), cure=cure)


def _voters(count: int) -> str:
    return f"{count} voter" if count == 1 else f"{count} voters"


def _quorum(
    declared: int, nodes: Sequence[Node], voters: Sequence[Mapping[str, Any]], healthy: Mapping[str, bool]
) -> str:
    """What is wrong with a quorum: its number, its names, its health."""
    names = {str(voter["Node"]) for voter in voters}
    problems = []
    if len(voters) != declared:
        problems.append(f"{len(voters)} voters")
    if strangers := sorted(names - {node.id for node in nodes}):
        problems.append(f"voters that are not registered: {', '.join(strangers)}")
    if dead := sorted(node.id for node in nodes if not healthy.get(node.id, False)):
        problems.append(f"not healthy: {', '.join(dead)}")
    return "; ".join(problems)


# Vault


def _vault(view: ClusterView, seen: Observations) -> Iterator[Claim]:
    nodes = view.having("vault")
    states = {node.id: seen.vault[node.id] for node in nodes}
    active = [name for name, state in states.items() if state.value is Health.ACTIVE]
    problem = "" if len(active) == 1 else f"{len(active)} are active"
    cure = "salt-run cluster.status shows each Vault; journalctl -u vault on them. A sealed one needs its seal back."
    yield claim("vault.active", "One Vault is active", problem, evidence=", ".join(active), cure=cure)
    for node in nodes:
        yield _unsealed(node, "Vault", seen)
    for node in view.nodes:
        if view.is_transit(node):
            yield _unsealed(node, "the transit Vault", seen)


def _unsealed(node: Node, label: str, seen: Observations) -> Claim:
    found = seen.vault[node.id]
    name, title = f"vault.unsealed.{node.id}", f"{node.id}: {label} is unsealed"
    if found.value is None:
        return without_value(name, title, found, node=node.id)
    problem = "" if found.value.unsealed else f"it is {found.value.name.lower()}"
    cure = "With a transit seal: unseal the transit Vault, then restart this one; else salt-run cluster.unseal."
    if label != "Vault":
        cure = "The operators give their shares to salt-run cluster.unseal."
    return claim(name, title, problem, evidence=found.value.name.lower(), node=node.id, cure=cure)


# Nomad


def _nomad(view: ClusterView, seen: Observations) -> Iterator[Claim]:
    declared = view.count("nomad-server")
    voters = f"Nomad has a leader and {_voters(declared)}, all alive"
    found, clients = seen.nomad.value, view.having("nomad-client")
    if found is None:
        yield without_value("nomad.voters", voters, seen.nomad)
        for node in clients:
            yield without_value(f"nomad.client.{node.id}", _client_title(node), seen.nomad, node=node.id)
        return
    problem = _quorum(declared, view.having("nomad-server"), found.voters, found.healthy)
    cure = "journalctl -u nomad on the server that is missing; two of three must run."
    yield claim("nomad.voters", voters, problem, evidence=f"leader {found.leader}", cure=cure)
    for node in clients:
        yield _client(node, found)
    known = {node.id for node in clients}
    strangers = sorted({str(row["Name"]) for row in found.nodes if row["Status"] != "down"} - known)
    problem = f"not registered: {', '.join(strangers)}" if strangers else ""
    cure = "Drain and stop it, then find out how it came by a certificate."
    yield claim("nomad.clients", "Nomad has no other clients than the registered ones", problem, cure=cure)


def _client_title(node: Node) -> str:
    return f"{node.id}: the Nomad client is ready and takes work"


def _client(node: Node, found: NomadSeen) -> Claim:
    rows = [row for row in found.nodes if row["Name"] == node.id]
    ready = [row for row in rows if row["Status"] == "ready"]
    problem = ""
    if not ready:
        problem = f"it is {rows[0]['Status']}" if rows else "Nomad does not know it"
    elif ready[0]["SchedulingEligibility"] != "eligible":
        problem = "it is ready but not eligible"
    cure = f"journalctl -u nomad on {node.id}; `nomad node eligibility -enable` when it was set aside on purpose."
    return claim(f"nomad.client.{node.id}", _client_title(node), problem, node=node.id, cure=cure)


# The canary


def _canary(view: ClusterView, seen: Observations) -> Claim:
    name = "canary"
    title = "The canary, a container, read its secret from Vault and found a service in Consul by its own identity"
    cure = "`nomad job status canary` and the allocation's log tell what it lacks: image, identity, secret or network."
    if not view.canary_digest:
        return Claim(name, title, Result.UNKNOWN, "its marker is not known here", cure="Run cluster.bootstrap.")
    if seen.canary.value is None:
        return without_value(name, title, seen.canary)
    if not seen.canary.value:
        return claim(name, title, "no instance passes its check in Consul", cure=cure)
    addresses = {address for node in view.having("vault") for address in node.addresses}
    problems = []
    for one in seen.canary.value:
        problem = ""
        if one.lines.get("marker") != view.canary_digest:
            problem = "serves another marker" if one.lines.get("marker") else "does not serve its marker"
        elif not {_host(text) for text in one.lines.get("vault", "").split()} & addresses:
            problem = "did not find Vault in Consul"
        problems += [f"the one at {one.where} {problem}"] if problem else []
    where = ", ".join(one.where for one in seen.canary.value)
    return claim(name, title, "; ".join(problems), evidence=f"at {where}", cure=cure)


def _host(text: str) -> str:
    """The address of ``address:port``."""
    return text.rsplit(":", 1)[0].strip("[]")
