"""Decides how an artifact gets onto a node: what is wanted, what is there, what to do, and why. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saltern.artifacts.manifest import FILE, NAME, SHA256, VERSION
from saltern.artifacts.model import KINDS
from saltern.errors import ArtifactError, Problem, Problems

KEPT = 2  # old versions that stay beside the one in use, so that a way back needs no download


@dataclass(frozen=True)
class Wanted:
    """One artifact as a node is to have it."""

    name: str
    version: str
    sha256: str
    url: str
    file: str
    kind: str


@dataclass(frozen=True)
class Present:
    """What a node has of an artifact.

    :param versions: the installed versions, the one installed last first.
    :param sha256: of the wanted version's file; empty when it is not there.
    :param linked: the version that the link in ``bin`` points to; empty when there is none.
    """

    versions: tuple[str, ...] = ()
    sha256: str = ""
    linked: str = ""


@dataclass(frozen=True)
class Plan:
    """What is to be done. ``reasons`` is empty when nothing is."""

    download: bool
    switch: bool
    remove: tuple[str, ...]
    reasons: tuple[str, ...]

    def changes(self, wanted: Wanted, present: Present) -> dict[str, Any]:
        """As a Salt state tells them; empty when nothing is to be done."""
        changes: dict[str, Any] = {}
        if self.download:
            changes["file"] = {"old": present.sha256, "new": wanted.sha256}
        if self.switch:
            changes["version"] = {"old": present.linked, "new": wanted.version}
        if self.remove:
            changes["removed"] = list(self.remove)
        return changes


def wanted(name: str, described: Mapping[str, Any]) -> Wanted:
    """The artifact that a pillar entry or a state's arguments describe.

    :param described: ``version``, ``sha256``, ``url``, ``kind`` and ``files`` (with one name).
    :raises ArtifactError: when the artifact store does not hold it.
    :raises Problems: with everything that is wrong in the description.
    """
    version, sha256, url = (str(described.get(key) or "") for key in ("version", "sha256", "url"))
    if not sha256 and not url:
        label = f"{name} {version}".strip()
        raise ArtifactError(
            f"{label} is not in the support server's artifact store.",
            cure=f"on the support server: salt-run artifact.fetch {name}",
        )
    names = described.get("files") or [name]
    kind = str(described.get("kind") or "binary")
    problems = [
        Problem(f"{value!r} does not have the form {pattern.pattern}.", where=f"{name}: {key}")
        for key, value, pattern in (
            ("name", name, NAME),
            ("version", version, VERSION),
            ("sha256", sha256, SHA256),
            ("url", url, re.compile(r"(https|file)://\S+")),
            *(("files", str(one), FILE) for one in names),
        )
        if not pattern.fullmatch(value)
    ]
    if kind not in KINDS:
        problems.append(Problem(f"Unknown kind {kind!r}.", where=f"{name}: kind", cure=f"choose of {', '.join(KINDS)}"))
    if len(names) != 1:
        problems.append(Problem("An artifact is exactly one file.", where=f"{name}: files"))
    if problems:
        raise Problems(f"Artifact {name} cannot be installed as described.", problems)
    return Wanted(name, version, sha256, url, str(names[0]), kind)


def plan(want: Wanted, present: Present, kept: int = KEPT) -> Plan:
    """What to do so that the node has the wanted version in use and ``kept`` old ones beside it."""
    reasons = []
    if not present.sha256:
        reasons.append(f"{want.version} is not installed")
    elif present.sha256 != want.sha256:
        reasons.append(f"{want.version} is installed with sha256 {present.sha256}, wanted is {want.sha256}")
    switch = want.kind == "binary" and present.linked != want.version
    if switch:
        reasons.append(f"in use is {present.linked or 'no version'}")
    old = [one for one in present.versions if one != want.version]
    if present.linked in old:  # what was in use until now is the nearest way back
        old.remove(present.linked)
        old.insert(0, present.linked)
    remove = tuple(old[kept:])
    if remove:
        reasons.append(f"more than {kept} old versions are kept: {', '.join(remove)}")
    return Plan(present.sha256 != want.sha256, switch, remove, tuple(reasons))
