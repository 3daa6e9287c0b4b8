"""Which keys a definition has. These tables are the only list of them: reading, errors and the reference use them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from saltern.definition import typed
from saltern.definition.document import Entry, Place
from saltern.definition.typed import Reader, Wrong, meant
from saltern.errors import Problem
from saltern.model import NODE_CLASSES, PLACEMENTS, ROLES

REQUIRED = object()
PROVIDERS = ("lab",)
IMAGES_OF_PROVIDER = {"lab": ("base",)}
ADDRESS_FAMILIES = ("ipv4", "ipv6")
ZONE_KINDS = ("core", "system", "user")
SEALS = ("transit", "shamir")
LATENCY_PROFILES = ("lan", "wan")


@dataclass(frozen=True)
class Key:
    """One key of a mapping: how its value is read, what it is without one, and how the reference explains it."""

    name: str
    read: Reader | None  # None: a mapping with its own table
    shape: str
    meaning: str
    default: Any = REQUIRED


@dataclass
class Section:
    """The readable values of a mapping. A key whose value was wrong is absent: its problem is already reported."""

    place: Place
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    def get(self, key: str, default: Any = None) -> Any:
        """The value of ``key``, or ``default`` where it was wrong or left out."""
        return self.values.get(key, default)

    def has(self, *keys: str) -> bool:
        """Whether all of ``keys`` were readable, so that a rule over them makes sense."""
        return all(key in self.values for key in keys)

    def where(self, key: str) -> str:
        """The place of ``key``, or of the whole mapping where the key is left out."""
        return str(self.places.get(key, self.place))


CUSTODY = (
    Key("threshold", typed.positive, "number", "How many operators must come together to open a one-shot secret."),
    Key(
        "operators",
        typed.items_of(typed.label),
        "list of names",
        "Who keeps the shares. Each has a PGP public key in `operators/<name>.asc`.",
    ),
)
CLUSTER = (
    Key("name", typed.label, "name", "The cluster's name, for people."),
    Key("datacenter", typed.label, "name", "Consul's and Nomad's datacenter; part of certificates' names."),
    Key("region", typed.label, "name", "Nomad's region; part of certificates' names.", "global"),
    Key("provider", typed.one_of(*PROVIDERS), " | ".join(PROVIDERS), "The cloud that nodes are created in."),
    Key(
        "address_families",
        typed.items_of(typed.one_of(*ADDRESS_FAMILIES)),
        "list of ipv4, ipv6",
        "Families that every node has an address of. Each zone needs a network of each.",
    ),
    Key(
        "seal",
        typed.one_of(*SEALS),
        " | ".join(SEALS),
        "Who unseals Vault after a restart: the transit Vault on the support server, or the operators (shamir).",
    ),
    Key(
        "latency_profile",
        typed.one_of(*LATENCY_PROFILES),
        " | ".join(LATENCY_PROFILES),
        "Timers of Consul and Nomad: quick inside one building, patient between buildings.",
        "lan",
    ),
    Key("custody", None, "mapping", "To whom one-shot secrets are sealed."),
    Key(
        "leaf_lifetime",
        typed.duration,
        "duration",
        "Life of a node's certificate; it is renewed at 2/3 of it.",
        45 * 86400,
    ),
    Key(
        "tolerated_support_outage",
        typed.duration,
        "duration",
        "How long the support server may be away without a certificate running out; at most a third of "
        "`leaf_lifetime`.",
        15 * 86400,
    ),
    Key("maximum_clock_skew", typed.duration, "duration", "How far a node's clock may be off; at most `60s`.", 5),
    Key(
        "single_server",
        typed.flag,
        "true | false",
        "A trial on one machine: allows exactly one Consul, Vault and Nomad server, which survives nothing.",
        False,
    ),
)
ZONE = (
    Key(
        "kind",
        typed.one_of(*ZONE_KINDS),
        " | ".join(ZONE_KINDS),
        "`core`: the control plane. `system`: the operators' own services. `user`: tenants.",
    ),
    Key(
        "networks",
        typed.items_of(typed.network),
        "list of CIDR networks",
        "Where the zone's nodes get their addresses; no two zones overlap.",
    ),
)
SIZE = (
    Key("cpus", typed.positive, "number", "Processor cores."),
    Key("memory", typed.size, "size", "Memory, as in `512MiB`."),
    Key("disk", typed.size, "size", "Disk, as in `8GB`."),
)
GROUP = (
    Key("role", typed.items_of(typed.one_of(*ROLES)), "list of roles", f"Of: {', '.join(ROLES)}."),
    Key("zone", typed.label, "name of a zone", "Where the nodes are."),
    Key(
        "node_class",
        typed.one_of(*NODE_CLASSES),
        " | ".join(NODE_CLASSES),
        "What a Nomad client is for. `load-balancer` takes system jobs only.",
        "general",
    ),
    Key("count", typed.count, "number", "How many nodes are wanted."),
    Key("size", typed.label, "name of a size", "How big each node is."),
    Key("image", typed.label, "name of an image", "What each node boots from: an image of the provider."),
    Key(
        "placement",
        typed.one_of(*PLACEMENTS),
        " | ".join(PLACEMENTS),
        "On which hypervisors the nodes land, where the provider has several (`lab` has one).",
        "spread",
    ),
    Key(
        "userdata",
        typed.text,
        "text",
        "More for the node's first boot, where the provider takes it (`lab` does not). "
        "Everybody on the node can read it.",
        "",
    ),
)
VERSION = (Key("<artifact>", typed.version, "version", "An artifact of `artifacts/manifest.yaml` and its version."),)
TOP = (
    Key("cluster", None, "mapping", "What holds for the whole cluster."),
    Key("versions", None, "mapping of artifacts", "Which version of each piece of software runs."),
    Key("zones", None, "mapping of names", "Parts of the network with one level of trust each."),
    Key("sizes", None, "mapping of names", "How big a node is."),
    Key("groups", None, "mapping of names", "Nodes of one kind; a node is called `<group>-<random id>`."),
)


def read_section(entry: Entry, keys: Iterable[Key], problems: list[Problem]) -> Section:
    """Reads a mapping by its table; every wrong, unknown or missing key becomes a problem."""
    section = Section(entry.place)
    content = mapping(entry, problems)
    if content is None:
        return section
    table = {key.name: key for key in keys}
    for name in content.keys() - table.keys():
        problems.append(Problem("unknown key", where=str(content[name].place), cure=meant(name, list(table))))
    for key in table.values():
        if key.name in content:
            _read_key(content[key.name], key, section, problems)
        elif key.default is REQUIRED:
            _report_missing(entry.place, key, problems)
        elif key.read:
            section.values[key.name] = key.default
    return section


def mapping(entry: Entry, problems: list[Problem]) -> dict[str, Entry] | None:
    """The entries of a mapping, or None with a problem where it is none."""
    if isinstance(entry.content, dict):
        return entry.content
    what = f"must be a mapping of keys, but is {entry.kind}"
    problems.append(Problem(what, where=str(entry.place), cure="write `key: value` lines below it, indented."))
    return None


def _read_key(entry: Entry, key: Key, section: Section, problems: list[Problem]) -> None:
    section.places[key.name] = entry.place
    if key.read is None:
        return
    try:
        section.values[key.name] = key.read(entry)
    except Wrong as wrong:
        problems.extend(wrong.at(entry.place))


def _report_missing(place: Place, key: Key, problems: list[Problem]) -> None:
    what, cure = f"the key `{key.name}` is missing", f"add `{key.name}:` ({key.shape}). {key.meaning}"
    problems.append(Problem(what, where=str(place), cure=cure))
