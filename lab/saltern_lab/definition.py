"""What the lab itself needs of the cluster definition: the support server's size, its networks, the operators.

The full validation is Saltern's, inside the support server. This machine's Python may not read YAML, so the base
image's does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltern import amounts
from saltern.errors import LabError
from saltern_lab import names, run
from saltern_lab.settings import NETWORKS, REPOSITORY, SUPPORT

FOLDER = REPOSITORY / "pillar" / "cluster"
READ = "import json,sys,yaml; print(json.dumps([yaml.safe_load(text) for text in json.load(sys.stdin)]))"


@dataclass(frozen=True)
class Summary:
    """The part of a definition that the lab reads. ``size`` and ``networks`` are as the daemon takes them."""

    size: dict[str, Any]
    networks: list[str]
    operators: tuple[str, ...]
    threshold: int


def files(replacement: Path | None) -> list[Path]:
    """The definition: one file in place of all, or the project's own."""
    return [replacement] if replacement else sorted(FOLDER.glob("*.yaml"))


def read(paths: Sequence[Path], base: Path) -> Summary:
    """Read a definition with the base image's Python."""
    texts = json.dumps([path.read_text(encoding="utf-8") for path in paths])
    done = run.command(
        ["chroot", base, "/opt/saltstack/bin/python", "-c", READ],
        text_input=texts,
        cure=f"Correct {', '.join(path.name for path in paths)}: it must be YAML.",
    )
    merged: dict[str, Any] = {}
    for content in json.loads(done.stdout):
        merged.update(content if isinstance(content, dict) else {})
    return summarise(merged)


def summarise(definition: Mapping[str, Any]) -> Summary:
    """Pick what the lab needs; what is missing is named with its key."""
    group = _get(definition, "groups", SUPPORT)
    sizes = ("sizes", str(_get(group, "size")))
    custody = _get(definition, "cluster", "custody")
    families = definition["cluster"].get("address_families") or ["ipv4", "ipv6"]
    operators, threshold = _get(custody, "operators"), _get(custody, "threshold")
    if not isinstance(operators, list) or not all(isinstance(name, str) and name for name in operators):
        raise LabError("cluster.custody.operators is no list of names.", cure="Write operators: [ada, barbara, …].")
    if isinstance(threshold, bool) or not isinstance(threshold, int):
        raise LabError("cluster.custody.threshold is no number.", cure="Write threshold: 3.")
    return Summary(
        size={
            "cpus": _get(definition, *sizes, "cpus"),
            "memory": _bytes(_get(definition, *sizes, "memory")),
            "disk": _bytes(_get(definition, *sizes, "disk")),
        },
        networks=[str(network) for family, network in NETWORKS.items() if f"ipv{family}" in families],
        operators=tuple(names.node(name) for name in operators),
        threshold=threshold,
    )


def _get(value: Any, *keys: str) -> Any:
    for depth, key in enumerate(keys):
        if not isinstance(value, Mapping) or key not in value:
            raise LabError(
                f"The cluster definition has no {'.'.join(keys[: depth + 1])}.",
                cure="Compare it with pillar/cluster/ of the project.",
            )
        value = value[key]
    return value


def _bytes(value: Any) -> int:
    """An amount as definitions write it."""
    found = amounts.size(value) if isinstance(value, str) else None
    return names.amount(value, "A size in the cluster definition") if found is None else found
