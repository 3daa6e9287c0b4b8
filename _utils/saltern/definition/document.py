"""YAML files as one tree in which every value knows its file, line and key path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import yaml

from saltern.errors import Problem

# The C loader reads the same language about ten times faster; PyYAML's wheels bring it, Debian's source build may not.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = ("str", "int", "float", "bool", "null", "timestamp", "map", "seq")
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in _PLAIN}

Scalar: TypeAlias = str | int | float | bool | None
Content: TypeAlias = "Scalar | list[Entry] | dict[str, Entry]"


@dataclass(frozen=True)
class Place:
    """Where a value stands."""

    file: str
    line: int
    path: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}" if self.path else f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Entry:
    """A value of the document with its place; ``written`` is a scalar as it stands in the file."""

    content: Content
    place: Place
    written: str = ""

    @property
    def kind(self) -> str:
        """What the value is, in words for a message."""
        names = {dict: "a mapping", list: "a list", bool: "true or false", int: "a number", float: "a decimal number"}
        return "nothing" if self.content is None else names.get(type(self.content), "text")


class DocumentReader:
    """Reads YAML files into one mapping of top-level keys; what is wrong with them is collected in ``problems``."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.top: dict[str, Entry] = {}
        self._open: list[yaml.Node] = []  # the nodes around the one that is being read
        self.broken = False  # a file could not be read at all: what seems to be missing may stand in it

    def read(self, file: Path) -> None:
        """Adds the top-level keys of ``file``; a mapping may be spread over several files, entry by entry."""
        try:
            root = yaml.compose(file.read_text(encoding="utf-8"), Loader=_Loader)
        except yaml.YAMLError as error:
            self.broken = True
            self.problems.append(_syntax_problem(file.name, error))
            return
        except (OSError, UnicodeDecodeError) as error:
            self.broken = True
            self.problems.append(Problem(f"cannot be read: {error}", where=file.name, cure="make it a readable file."))
            return
        if root is None:
            return
        entry = self._entry(root, file.name, "")
        if not isinstance(entry.content, dict):
            self._report(entry.place, f"the file holds {entry.kind}", "begin it with a key such as `groups:`.")
            return
        for key, value in entry.content.items():
            self._merge(key, value)

    def _merge(self, key: str, value: Entry) -> None:
        before = self.top.get(key)
        if before is None:
            self.top[key] = value
            return
        if not isinstance(before.content, dict) or not isinstance(value.content, dict):
            self._report(value.place, f"is here again; first at {before.place.file}:{before.place.line}", "keep one.")
            return
        merged = dict(before.content)
        for name, entry in value.content.items():
            if name in merged:
                self._again(entry.place, merged[name].place)
            merged.setdefault(name, entry)
        self.top[key] = Entry(merged, before.place)

    def _entry(self, node: yaml.Node, file: str, path: str) -> Entry:
        place = Place(file, node.start_mark.line + 1, path)
        if node.tag not in _PLAIN_TAGS:
            self._report(place, f"has the tag {node.tag}", "write a plain value without `!` before it.")
            return Entry(None, place)
        if isinstance(node, yaml.ScalarNode):
            return Entry(_scalar(node), place, node.value)
        if any(node is around for around in self._open):
            self._report(place, "contains itself by an alias", "write it out without anchors and aliases.")
            return Entry(None, place)
        self._open.append(node)
        content: Content
        if isinstance(node, yaml.MappingNode):
            content = dict(self._pairs(node, file, path))
        else:
            content = [self._entry(item, file, f"{path}[{number}]") for number, item in enumerate(node.value)]
        self._open.pop()
        return Entry(content, place)

    def _pairs(self, node: yaml.MappingNode, file: str, path: str) -> Iterator[tuple[str, Entry]]:
        seen: dict[str, Place] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
            here = f"{path}.{key}" if path else key
            place = Place(file, key_node.start_mark.line + 1, here)
            if not key or key_node.tag == "tag:yaml.org,2002:merge":
                self._report(place, "is no plain key", "write keys as text, without anchors and merges (`<<`).")
            elif key in seen:
                self._again(place, seen[key])
            else:
                seen[key] = place
                entry = self._entry(value_node, file, here)
                yield key, Entry(entry.content, place, entry.written)

    def _again(self, place: Place, first: Place) -> None:
        cure = "keep one of the two, or give the second another name."
        self._report(place, f"is here twice; first at {first.file}:{first.line}", cure)

    def _report(self, place: Place, what: str, cure: str) -> None:
        self.problems.append(Problem(what, where=str(place), cure=cure))


def _scalar(node: yaml.ScalarNode) -> Scalar:
    kind, value = node.tag.rpartition(":")[2], str(node.value)
    if kind == "null":
        return None
    if kind == "bool":
        return value.lower() in ("true", "yes", "on")
    try:
        return int(value) if kind == "int" else float(value) if kind == "float" else value
    except ValueError:  # YAML 1.1 numbers such as 0x1f, 1_000 or 1:30: nobody means them here
        return value


def _syntax_problem(file: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    where = f"{file}:{mark.line + 1}" if mark else file
    what = getattr(error, "problem", None) or str(error)
    cure = "correct the YAML there: indent with spaces, quote text that holds `: ` or `#`, use no Jinja."
    return Problem(f"is no valid YAML: {what}", where=where, cure=cure)
