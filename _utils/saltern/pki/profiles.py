"""Profiles: what a certificate is for, how long it lives, who may ask for it and with which names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from pathlib import Path
from typing import TypeAlias

from saltern import paths
from saltern.definition import typed
from saltern.definition.document import DocumentReader, Entry
from saltern.definition.schema import Key, Section, mapping, read_section
from saltern.errors import CertificateError, Problem, Problems
from saltern.pki.usages import EXTENDED_USAGES, USAGES

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
ASKERS = ("nodes", "clients", "operators")
NODE_PROFILES = ("peer", "server", "client", "cli")  # what `saltern.pki.entitlements` gives to nodes
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DNS_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_RULE = re.compile(rf"(?=.{{1,253}}\Z)(?:\*\.|\.)?{_LABEL}(?:\.{_LABEL})*")


def _dns_rule(entry: Entry) -> str:
    value = typed.text(entry)
    if not _RULE.fullmatch(value):
        cure = "write a name, `.example.org` for every name below it, or `*.example.org` for just that wildcard."
        raise typed.Wrong(f"`{value}` is no rule for DNS names", cure)
    return value


def _network(entry: Entry) -> Network:
    value = typed.text(entry)
    try:
        found = ip_network(value)
    except ValueError as error:
        raise typed.Wrong(f"`{value}` is no network: {error}", "write it as in `192.0.2.0/24`.") from error
    if not found.prefixlen:
        raise typed.Wrong(f"`{value}` is everybody", "name the networks that are meant.")
    return found


TABLE = (
    Key(
        "usages",
        typed.items_of(typed.one_of(*USAGES)),
        "list of usages",
        f"What its certificates may be used for, by cfssl's names: {', '.join(USAGES)}. At least one of server auth, "
        "client auth and the like.",
    ),
    Key("lifetime", typed.duration, "duration", "How long a leaf is valid. Without it: `cluster.leaf_lifetime`.", None),
    Key(
        "askers",
        typed.items_of(typed.one_of(*ASKERS)),
        "list of " + ", ".join(ASKERS),
        "Who may ask: nodes by `member.sign`, clients outside Salt by cfssl's protocol, operators by `ca.operator`.",
    ),
    Key(
        "roots",
        typed.items_of(typed.label),
        "list of roots",
        "Which roots issue it. Without it: every root; not for clients.",
        (),
    ),
    Key(
        "auth_key",
        typed.label,
        "name of an auth key",
        "The key that signs requests of clients. They need one, unless the profile is `unauthenticated`.",
        "",
    ),
    Key(
        "unauthenticated",
        typed.flag,
        "true or false",
        "Clients ask without a key: whoever can send from one of `networks` gets a certificate.",
        False,
    ),
    Key("networks", typed.items_of(_network), "list of CIDR networks", "Where clients may ask from. Else: any.", ()),
    Key(
        "dns",
        typed.items_of(_dns_rule),
        "list of names",
        "DNS names for clients: `a.example.org` itself, `.example.org` every name below it, `*.example.org` that "
        "one wildcard.",
        (),
    ),
    Key("addresses", typed.items_of(_network), "list of CIDR networks", "IP addresses that clients may name.", ()),
)


@dataclass(frozen=True)
class Profile:
    """A profile. ``lifetime`` in seconds, None for the cluster's ``leaf_lifetime``; empty ``roots``: every root.

    :param any_name: every name, address and subject may be asked for, as cfssl has it without a name whitelist.
        Only a cfssl set-up that was taken over has this; ``profiles.yaml`` cannot say it.
    """

    name: str
    usages: tuple[str, ...]
    lifetime: int | None
    askers: tuple[str, ...]
    roots: tuple[str, ...] = ()
    auth_key: str = ""
    unauthenticated: bool = False
    networks: tuple[Network, ...] = ()
    dns: tuple[str, ...] = ()
    addresses: tuple[Network, ...] = ()
    any_name: bool = False

    def issues_from(self, root: str) -> bool:
        """Whether ``root`` may issue it."""
        return not self.roots or root in self.roots

    def admits(self, address: Address) -> bool:
        """Whether a client at this address may ask."""
        return not self.networks or any(address in network for network in self.networks)

    def allows_dns(self, name: str) -> bool:
        """Whether a client may have this DNS name (lower case); a wildcard only where the profile names just it."""
        if self.any_name:
            return True
        below = [rule for rule in self.dns if rule.startswith(".")]
        return name in self.dns or ("*" not in name and any(name.endswith(rule) for rule in below))

    def allows_address(self, address: Address) -> bool:
        """Whether a client may have this IP address in its certificate."""
        return self.any_name or any(address in network for network in self.addresses)


def declared(file: str | Path = paths.PROFILES) -> dict[str, Profile]:
    """The profiles of the file, by name.

    :raises Problems: with everything that is wrong with the file.
    """
    reader = DocumentReader()
    reader.read(Path(file))
    problems = reader.problems
    top = reader.top.pop("profiles", None)
    for name, entry in reader.top.items():
        cure = "only `profiles:` stands here."
        problems.append(Problem(f"unknown key `{name}`", where=str(entry.place), cure=cure))
    found: dict[str, Profile] = {}
    for name, entry in ((mapping(top, problems) or {}) if top else {}).items():
        found |= _read(name, entry, problems)
    for name in NODE_PROFILES:
        if not problems and (name not in found or "nodes" not in found[name].askers):
            cure = f"restore `{name}:` with `askers: [nodes]`; nodes need it."
            problems.append(Problem(f"nodes may not ask for profile `{name}`", where=Path(file).name, cure=cure))
    if problems:
        raise Problems("The declared profiles are wrong; nothing was changed.", problems)
    return found


def one(profiles: Mapping[str, Profile], name: str) -> Profile:
    """The profile of this name.

    :raises CertificateError: when there is none.
    """
    if name not in profiles:
        known = ", ".join(sorted(profiles))
        raise CertificateError(f"There is no profile {ascii(name)[:80]}.", cure=f"choose one of {known}.")
    return profiles[name]


def _read(name: str, entry: Entry, problems: list[Problem]) -> dict[str, Profile]:
    before = len(problems)
    try:
        typed.label_text(name)
    except typed.Wrong as wrong:
        problems.extend(wrong.at(entry.place))
    section = read_section(entry, TABLE, problems)
    if len(problems) > before:
        return {}
    _judge(section, problems)
    return {name: Profile(name, **{key.name: section[key.name] for key in TABLE})}


def _judge(section: Section, problems: list[Problem]) -> None:
    """The rules over several keys."""

    def wrong(key: str, what: str, cure: str) -> None:
        problems.append(Problem(what, where=section.where(key), cure=cure))

    if not set(section["usages"]) & set(EXTENDED_USAGES):
        wrong("usages", "names no extended usage, so it would be good for everything", "add `client auth` or the like.")
    outside = "clients" in section["askers"]
    for key in ("auth_key", "unauthenticated", "networks", "dns", "addresses"):
        if section[key] and not outside:
            wrong(key, f"`{key}` is for clients, who may not ask for this profile", "add `clients` to `askers`.")
    if not outside:
        return
    if bool(section["auth_key"]) == section["unauthenticated"]:
        wrong("auth_key", "clients need an auth key, or `unauthenticated: true`; not both", "write one of the two.")
    if section["unauthenticated"] and not section["networks"]:
        wrong("unauthenticated", "without an auth key everybody could ask", "name the `networks` of its clients.")
    if not section["roots"]:
        wrong("roots", "clients could ask every root, also Consul's and Nomad's", "name the roots that are meant.")
    if not section["dns"] and not section["addresses"]:
        wrong("dns", "clients could ask for no name at all", "add `dns` or `addresses`.")
