"""What differs between the firewall that a node has and the one that it is to have, with reasons. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from saltern.firewall import documents


@dataclass(frozen=True)
class Configuration:
    """firewalld's configuration on disk, as far as it is ours: path below ``/etc/firewalld`` to content."""

    conf: str
    files: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True


def of_files(found: Configuration, desired: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The changes that the files need, in Salt's form: what, with its old and new value."""
    changes: dict[str, dict[str, Any]] = {}
    wanted = documents.files(desired)
    for path in sorted({*found.files, *wanted}):
        if found.files.get(path) != wanted.get(path):
            changes[path] = {"old": found.files.get(path), "new": wanted.get(path)}
    zone = documents.default_zone(found.conf)
    if zone != desired["default_zone"]:
        changes["default zone"] = {"old": zone, "new": desired["default_zone"]}
    if not found.enabled:
        changes["started at boot"] = {"old": False, "new": True}
    return changes


def of_runtime(runtime: Mapping[str, Any] | None, desired: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the running firewalld enforces otherwise than ``desired``; ``runtime`` is None when it does not run.

    :param runtime: ``default_zone`` and, by name, ``zones`` with target, sources and ports.
    """
    if runtime is None:
        return {"firewalld": {"old": "not running", "new": "running"}}
    changes: dict[str, dict[str, Any]] = {}
    if runtime["default_zone"] != desired["default_zone"]:
        changes["running default zone"] = {"old": runtime["default_zone"], "new": desired["default_zone"]}
    for name, zone in desired["zones"].items():
        old, new = _comparable(runtime["zones"].get(name)), _comparable(zone)
        if old != new:
            changes[f"running zone {name}"] = {"old": old, "new": new}
    return changes


def of_removal(found: Configuration) -> dict[str, dict[str, Any]]:
    """The changes that take everything of ours away and nothing else."""
    changes: dict[str, dict[str, Any]] = {path: {"old": text, "new": None} for path, text in found.files.items()}
    zone = documents.default_zone(found.conf)
    if documents.is_owned(zone):
        changes["default zone"] = {"old": zone, "new": documents.FALLBACK_ZONE}
    return changes


def _comparable(zone: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if zone is None:
        return None
    return {
        "target": zone["target"],
        "sources": sorted(str(ip_network(source)) for source in zone["sources"]),
        "ports": sorted(zone["ports"]),
    }
