"""Is a port that a node's services need taken by something that is not ours?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from saltern import paths
from saltern.errors import Problem
from saltern.firewall.ports import Service, services_of
from saltern.model import Definition, Node
from saltern.preflight.facts import Facts, Listener

# Whose programs may hold the ports of a service already: on a second run the service itself does.
OWNERS = {
    "salt": ("salt-master", "python"),
    "artifact-store": ("nginx",),
    "ca": ("python",),
    "ssh": ("sshd", "systemd"),
}
# Ports of jobs and of applications: whoever runs there was put there by Nomad.
OF_JOBS = ("nomad-dynamic-ports", "ingress")
DNS_PORT = 53
DNS_ADDRESSES = ("127.0.0.1", "0.0.0.0", "::")  # noqa: S104 - compared with, never bound


def ports_in_use(node: Node, definition: Definition, facts: Facts) -> Iterator[Problem]:
    """A problem for every declared port of the node that another program holds."""
    services = services_of(node.role, node.node_class, definition.seal)
    seen = set()
    for listener in facts.listening:
        for service in services:
            what = (service.name, listener.protocol, listener.port, listener.process)
            if what not in seen and _is_port_of(service, listener) and not _is_ours(service.name, listener):
                seen.add(what)
                yield _problem(node, listener, f"which {service.name} needs")


def dns_port_in_use(node: Node, definition: Definition, facts: Facts) -> Iterator[Problem]:
    """Every node answers ``*.consul`` on loopback by its Consul agent."""
    for protocol in ("tcp", "udp"):
        for listener in facts.listening:
            here = (listener.protocol, listener.port) == (protocol, DNS_PORT) and listener.address in DNS_ADDRESSES
            if here and not _is_ours("consul-dns", listener):
                yield _problem(node, listener, "where Consul answers DNS")
                break


def _is_port_of(service: Service, listener: Listener) -> bool:
    if service.name in OF_JOBS:
        return False
    for port in service.ports:
        numbers, _, protocol = port.partition("/")
        first, _, last = numbers.partition("-")
        if protocol == listener.protocol and int(first) <= listener.port <= int(last or first):
            return True
    return False


def _is_ours(service: str, listener: Listener) -> bool:
    program = PurePosixPath(listener.process)
    if program.is_relative_to(paths.ARTIFACTS):
        return True
    return any(program.name.startswith(owner) for owner in OWNERS.get(service, ()))


def _problem(node: Node, listener: Listener, need: str) -> Problem:
    program = listener.process or "an unknown program"
    what = f"port {listener.port}/{listener.protocol}, {need}, is in use by {program} on {listener.address}"
    cure = f"stop it there (`ss -lpn 'sport = :{listener.port}'` shows it), or use another machine."
    return Problem(what, node=node.id, cure=cure)
