"""The cluster definition: read from ``pillar/cluster/``, validated whole, then trusted everywhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from saltern.definition import files
from saltern.definition.document import DocumentReader
from saltern.definition.draft import Draft, read_draft
from saltern.definition.network_rules import NETWORK_RULES
from saltern.definition.rules import RULES
from saltern.definition.schema import Section
from saltern.errors import Problem, Problems
from saltern.model import Custody, Definition, Group, Size, Zone

__all__ = ["load", "load_cached", "stamp"]
_cache: dict[str, tuple[tuple[Any, ...], Definition]] = {}


def load(
    directory: str | Path,
    *,
    operators: str | Path | None = None,
    artifacts: Mapping[str, Collection[str]] | None = None,
) -> Definition:
    """The validated definition of ``directory``; nothing is changed.

    :param directory: the folder with ``*.yaml``.
    :param operators: the folder with ``<operator>.asc``; by default ``operators`` in ``directory``.
    :param artifacts: versions by artifact name, as the manifest knows them; None does not check versions.
    :raises Problems: with every error at once.
    """
    folder = Path(directory)
    reader = DocumentReader()
    found = sorted(folder.glob("*.yaml"))
    if not found:
        problem = Problem("holds no *.yaml", where=str(folder), cure="copy the example definition of pillar/cluster.")
        raise Problems("There is no cluster definition.", [problem])
    for file in found:
        reader.read(file)
    draft = read_draft(reader)
    problems = reader.problems
    if not reader.broken:  # with a file missing, rules over several keys would accuse what is not wrong
        for rule in (*RULES, *NETWORK_RULES):
            problems.extend(rule(draft))
        problems.extend(files.versions(draft, artifacts))
    problems.extend(files.operator_keys(Path(operators) if operators else folder / "operators", draft))
    if problems:
        title = f"The cluster definition in {folder} has {len(problems)} problem{'s' if len(problems) > 1 else ''}:"
        raise Problems(title, sorted(problems, key=_order))
    return _build(draft)


def stamp(directory: str | Path) -> tuple[Any, ...]:
    """Changes whenever a file of the definition does; cheap enough to ask for every pillar."""
    folder = Path(directory)
    every = [*folder.glob("*.yaml"), *folder.glob("operators/*.asc")]
    return tuple(sorted((str(file), (stat := file.stat()).st_mtime_ns, stat.st_size, stat.st_ino) for file in every))


def load_cached(directory: str | Path) -> Definition:
    """As ``load`` without further checks, but read again only when a file changed; for the external pillar."""
    now, key = stamp(directory), str(directory)
    if key not in _cache or _cache[key][0] != now:
        _cache[key] = (now, load(directory))
    return _cache[key][1]


def _order(problem: Problem) -> tuple[str, int, str]:
    file, _, rest = problem.where.partition(":")
    line = rest.partition(":")[0]
    return file, int(line) if line.isdigit() else 0, problem.what


def _build(draft: Draft) -> Definition:
    values = dict(draft.cluster.values)
    values.pop("single_server")
    return Definition(
        **values,
        custody=Custody(**draft.custody.values),
        versions=draft.versions,
        zones=_all(Zone, draft.zones),
        sizes=_all(Size, draft.sizes),
        groups=_all(Group, draft.groups),
        operator_keys=draft.keys,
    )


def _all(kind: type[Any], sections: dict[str, Section]) -> dict[str, Any]:
    return {name: kind(name=name, **section.values) for name, section in sections.items()}
