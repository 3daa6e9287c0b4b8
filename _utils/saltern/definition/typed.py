"""Readers of single values: each turns an entry of the document into a value, or raises ``Wrong``."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, TypeAlias

from saltern import amounts
from saltern.definition.document import Entry, Place
from saltern.errors import Problem

Reader: TypeAlias = Callable[[Entry], Any]
# One label of a DNS name: node, datacenter and region names end up in DNS and in certificates.
_LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+){1,3}(?:[-+~][0-9A-Za-z.+~-]+)?")


class Wrong(Exception):
    """A value is not what its key asks for; for a list, ``parts`` holds each wrong item with its place."""

    def __init__(self, what: str, cure: str, parts: tuple[tuple[Place, Wrong], ...] = ()) -> None:
        self.what, self.cure, self.parts = what, cure, parts
        super().__init__(what)

    def at(self, place: Place) -> list[Problem]:
        """The problems that this is, at ``place`` or at the places of its parts."""
        if self.parts:
            return [problem for where, part in self.parts for problem in part.at(where)]
        return [Problem(self.what, where=str(place), cure=self.cure)]


def meant(word: str, known: tuple[str, ...] | list[str]) -> str:
    """The beginning of a cure: what was probably meant, and what there is to choose from."""
    close = get_close_matches(word, known, n=1)
    guess = f"did you mean `{close[0]}`? " if close else ""
    return f"{guess}Known: {', '.join(known)}."


def text(entry: Entry) -> str:
    """Any text."""
    if not isinstance(entry.content, str):
        cure = f'put it in quotes: "{entry.written}".' if entry.written else "write one plain text."
        raise Wrong(f"must be text, but is {entry.kind}", cure)
    return entry.content


def label(entry: Entry) -> str:
    """A name that can stand in DNS."""
    return label_text(text(entry))


def label_text(name: str) -> str:
    """As ``label``, for a key that is a name."""
    if not _LABEL.fullmatch(name):
        cure = "begin with a letter, then letters a-z, digits and inner hyphens, at most 32 in all."
        raise Wrong(f"`{name}` cannot be a name in DNS", cure)
    return name


def version(entry: Entry) -> str:
    """A version such as 1.21.0; ``1.20`` without quotes would be the number 1.2."""
    value = text(entry)
    if not _VERSION.fullmatch(value):
        raise Wrong(f"`{value}` is no version", "write it as in `1.21.0`, without a leading v.")
    return value


def count(entry: Entry) -> int:
    """A whole number from 0."""
    if isinstance(entry.content, bool) or not isinstance(entry.content, int) or entry.content < 0:
        raise Wrong(f"must be a whole number from 0, but is `{entry.written or entry.kind}`", "write it as in `3`.")
    return entry.content


def positive(entry: Entry) -> int:
    """A whole number from 1."""
    value = count(entry)
    if value == 0:
        raise Wrong("must be at least 1, but is 0", "write a number from 1.")
    return value


def flag(entry: Entry) -> bool:
    """``true`` or ``false``."""
    if not isinstance(entry.content, bool):
        raise Wrong(f"must be true or false, but is {entry.kind}", "write `true` or `false` without quotes.")
    return entry.content


def duration(entry: Entry) -> int:
    """A time with its unit (``72h``, ``7d``), in seconds."""
    found = amounts.seconds(entry.written)
    if found is None:
        what = f"`{entry.written or entry.kind}` is no duration with a unit"
        raise Wrong(what, f"write a number and one of {', '.join(amounts.SECONDS)}, as in `72h` or `7d`.")
    return found


def size(entry: Entry) -> int:
    """An amount of memory or disk with its unit (``512MiB``, ``8GB``), in bytes."""
    found = amounts.size(entry.written)
    if found is None:
        what = f"`{entry.written or entry.kind}` is no size with a unit"
        raise Wrong(what, f"write a number and one of {', '.join(amounts.BYTES)}, as in `512MiB` or `8GB`.")
    return found


def network(entry: Entry) -> IPv4Network | IPv6Network:
    """A network in CIDR form, without host bits, that nodes can have addresses of."""
    value = text(entry)
    try:
        found = ip_network(value)
    except ValueError as error:
        raise Wrong(f"`{value}` is no network: {error}", "write it as in `10.99.0.0/25` or `fd5a:99::/80`.") from error
    if found.is_loopback or found.is_multicast or found.is_link_local or found.is_unspecified or not found.prefixlen:
        raise Wrong(f"`{value}` cannot hold nodes", "choose a private or a public network of your own.")
    return found


def one_of(*known: str) -> Reader:
    """One word out of ``known``."""

    def read(entry: Entry) -> str:
        word = text(entry)
        if word not in known:
            raise Wrong(f"`{word}` is unknown here", meant(word, known))
        return word

    return read


def items_of(read_item: Reader, *, least: int = 1) -> Reader:
    """A list of at least ``least`` different items."""

    def read(entry: Entry) -> tuple[Any, ...]:
        if not isinstance(entry.content, list):
            raise Wrong(f"must be a list, but is {entry.kind}", "write it as in `[first, second]`.")
        items, parts = [], []
        for item in entry.content:
            try:
                items.append(read_item(item))
            except Wrong as wrong:
                parts.append((item.place, wrong))
        if parts:
            raise Wrong("holds wrong items", "see each of them.", tuple(parts))
        if len(items) < least:
            raise Wrong(f"must hold at least {least} item{'s' if least > 1 else ''}", "add one.")
        twice = next((item for position, item in enumerate(items) if item in items[:position]), None)
        if twice is not None:
            raise Wrong(f"holds `{twice}` twice", "remove one of the two.")
        return tuple(items)

    return read
