"""What makes a node unfit, one function each: node, definition and facts in, problems out."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from saltern.definition import minimums
from saltern.definition.minimums import bytes_text
from saltern.errors import Problem
from saltern.model import Definition, Node
from saltern.preflight.facts import PROGRAMS, Facts

PYTHON = (3, 11)
# A file system is smaller than its disk, and a machine sees less memory than it was given.
SEEN_OF_DISK = 0.85
SEEN_OF_MEMORY = 0.9
LEAST_FREE_DISK = 10**9  # bytes; artifacts of all roles with room to switch one of them
CONTROLLERS = ("cpu", "memory", "pids")
PROGRAMS_OF_ROLE = {
    "support": ("/usr/sbin/nginx",),
    "nomad-client": ("/usr/sbin/dockerd", "/usr/lib/cni/bridge"),
}
PROGRAMS_OF_ALL = ("/usr/sbin/firewalld", "/etc/protocols")


def disk(node: Node, definition: Definition, facts: Facts) -> Iterator[Problem]:
    """The disk is as big as the node's roles need, and not full."""
    least = minimums.disk(node.role, node.node_class)
    if facts.disk_total < least * SEEN_OF_DISK:
        what = f"its disk has {bytes_text(facts.disk_total)}; {', '.join(node.role)} needs {bytes_text(least)}"
        yield Problem(what, node=node.id, cure="give its group a bigger size, and build the node anew.")
    elif facts.disk_free < LEAST_FREE_DISK:
        what = f"only {bytes_text(facts.disk_free)} of its disk are free; {bytes_text(LEAST_FREE_DISK)} are needed"
        yield Problem(what, node=node.id, cure="free some (`du -xh / | sort -h | tail`), or give it a bigger disk.")


def memory(node: Node, definition: Definition, facts: Facts) -> Iterator[Problem]:
    """The memory is enough for the node's roles."""
    least = minimums.memory(node.role)
    if facts.memory < least * SEEN_OF_MEMORY:
        what = f"it has {bytes_text(facts.memory)} of memory; {', '.join(node.role)} needs {bytes_text(least)}"
        yield Problem(what, node=node.id, cure="give its group a bigger size, and build the node anew.")


def addresses(node: Node, definition: Definition, facts: Facts) -> Iterator[Problem]:
    """The node has an address of each declared family: in the registry, in its zone, and on the machine itself."""
    zone = definition.zones.get(node.zone)
    for family, address in (("ipv4", node.ipv4), ("ipv6", node.ipv6)):
        if family not in definition.address_families:
            continue
        if not address:
            cure = f"give the machine an {family} address of zone {node.zone}, or build it anew."
            yield Problem(f"it has no {family} address in the registry", node=node.id, cure=cure)
            continue
        if address not in facts.addresses:
            what = f"the registry says {address}, but the machine has {', '.join(facts.addresses) or 'no address'}"
            yield Problem(what, node=node.id, cure="correct its network, or build it anew.")
        if zone and not any(ip_address(address) in network for network in zone.networks):
            what = f"{address} is in no network of its zone {zone.name}"
            yield Problem(what, node=node.id, cure="correct the zone's networks, or build the node anew.")


def software(node: Node, definition: Definition, facts: Facts) -> Iterator[Problem]:
    """The image brings what the node's roles need and no node can fetch."""
    if facts.python < PYTHON:
        version, least = (".".join(map(str, one)) for one in (facts.python, PYTHON))
        cure = "build the node from the project's own image, or renew its Salt environment."
        yield Problem(f"its Salt runs on Python {version}; {least} is the least", node=node.id, cure=cure)
    needed = [*PROGRAMS_OF_ALL, *(file for role in node.role for file in PROGRAMS_OF_ROLE.get(role, ()))]
    for file in needed:
        if file not in facts.programs:
            cure = f"put the package {PROGRAMS[file]} into the image, and build the node anew."
            yield Problem(f"{file} is missing", node=node.id, cure=cure)


def firewall(node: Node, definition: Definition, facts: Facts) -> Iterator[Problem]:
    """firewalld works: without it the node would stand open, or shut."""
    if "/usr/sbin/firewalld" in facts.programs and facts.firewalld != "running":
        what = f"firewalld is {facts.firewalld or 'dead'}, not running"
        cure = "look at `journalctl -u firewalld` there, then `systemctl enable --now firewalld`."
        yield Problem(what, node=node.id, cure=cure)


def containers(node: Node, definition: Definition, facts: Facts) -> Iterator[Problem]:
    """The kernel can limit containers and give them a network of their own."""
    if not node.has("nomad-client"):
        return
    missing = [name for name in CONTROLLERS if name not in facts.controllers]
    if missing:
        what = f"the control group controllers {', '.join(missing)} are missing: no limit would hold"
        yield Problem(what, node=node.id, cure="enable them in the kernel, or for a container in its host's settings.")
    if not facts.bridge_module:
        what = "its kernel has no bridge module that Nomad could find: jobs get no network of their own"
        yield Problem(what, node=node.id, cure="install the kernel's modules below /lib/modules.")
