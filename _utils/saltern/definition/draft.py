"""The definition as far as it could be read: what the rules look at, and what a faultless one is built from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from saltern.definition import schema
from saltern.definition.document import DocumentReader, Entry, Place
from saltern.definition.schema import Key, Section, mapping, read_section
from saltern.definition.typed import Wrong, label_text, meant, version
from saltern.errors import Problem


@dataclass
class Draft:
    """Every section with the values that could be read; keys that were wrong are absent."""

    cluster: Section
    custody: Section
    versions: dict[str, str] = field(default_factory=dict)
    zones: dict[str, Section] = field(default_factory=dict)
    sizes: dict[str, Section] = field(default_factory=dict)
    groups: dict[str, Section] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)  # of the top-level keys
    version_places: dict[str, Place] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)  # operator -> text of its .asc file

    def groups_with(self, *roles: str) -> Iterator[tuple[str, Section]]:
        """Groups with a readable role list that names at least one of ``roles``."""
        wanted = set(roles)
        return ((name, group) for name, group in self.groups.items() if wanted & set(group.get("role", ())))

    def size_of(self, group: Section, what: str) -> int | None:
        """``cpus``, ``memory`` or ``disk`` of the group's size, where both are readable."""
        size = self.sizes.get(group.get("size", ""))
        found: Any = size.get(what) if size else None
        return found if isinstance(found, int) else None

    def where(self, key: str) -> str:
        """The place of a top-level key."""
        return str(self.places.get(key, key))


def read_draft(reader: DocumentReader) -> Draft:
    """Reads all sections by their tables; what is wrong is added to the reader's problems."""
    problems, top = reader.problems, reader.top
    start = Place("*.yaml", 1)
    for name in top.keys() - {key.name for key in schema.TOP}:
        known = [key.name for key in schema.TOP]
        problems.append(Problem("unknown key", where=str(top[name].place), cure=meant(name, known)))
    for key in schema.TOP:
        if key.name not in top and not reader.broken:
            what = f"the key `{key.name}` is missing in all files"
            problems.append(Problem(what, where="*.yaml", cure=f"add `{key.name}:` ({key.shape}). {key.meaning}"))
    cluster, custody = Section(start), Section(start)
    if "cluster" in top:
        cluster = read_section(top["cluster"], schema.CLUSTER, problems)
        content = top["cluster"].content
        if isinstance(content, dict) and "custody" in content:
            custody = read_section(content["custody"], schema.CUSTODY, problems)
    draft = Draft(cluster, custody, places={name: entry.place for name, entry in top.items()})
    draft.zones = _named(top.get("zones"), schema.ZONE, problems)
    draft.sizes = _named(top.get("sizes"), schema.SIZE, problems)
    draft.groups = _named(top.get("groups"), schema.GROUP, problems)
    _read_versions(top.get("versions"), draft, problems)
    return draft


def _named(entry: Entry | None, keys: tuple[Key, ...], problems: list[Problem]) -> dict[str, Section]:
    """A mapping of names to sections of one table, with at least one name."""
    sections: dict[str, Section] = {}
    if entry and entry.content == {}:
        problems.append(Problem("is empty", where=str(entry.place), cure="declare at least one."))
    for name, value in ((entry and mapping(entry, problems)) or {}).items():
        try:
            label_text(name)
        except Wrong as wrong:
            problems.extend(wrong.at(value.place))
        sections[name] = read_section(value, keys, problems)
    return sections


def _read_versions(entry: Entry | None, draft: Draft, problems: list[Problem]) -> None:
    for name, value in ((entry and mapping(entry, problems)) or {}).items():
        draft.version_places[name] = value.place
        try:
            draft.versions[name] = version(value)
        except Wrong as wrong:
            problems.extend(wrong.at(value.place))
