"""Which artifacts a node or a job needs, as data for the pillar and for job specifications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saltern import paths
from saltern.artifacts.store import Store
from saltern.errors import ArtifactError, Problem

Index = Mapping[str, Mapping[str, Mapping[str, Any]]]

_EVERYWHERE = ("consul",)
_BY_ROLE = {
    "support": ("vault",),  # the transit Vault
    "vault": ("vault",),
    "nomad-server": ("nomad",),
    "nomad-client": ("nomad", "pause"),
}
_IMAGES = ("pause",)


def store_index(root: str = paths.ARTIFACT_STORE) -> dict[str, dict[str, dict[str, Any]]]:
    """What a store holds: name -> version -> record. An empty or missing store is an empty index."""
    index: dict[str, dict[str, dict[str, Any]]] = {}
    for entry in Store(Path(root)).entries():
        index.setdefault(entry.name, {})[entry.version] = asdict(entry)
    return index


def needed(roles: Iterable[str]) -> tuple[str, ...]:
    """The names of the artifacts that a node with these roles installs."""
    names = [*_EVERYWHERE, *(name for role in roles for name in _BY_ROLE.get(role, ()))]
    return tuple(sorted(set(names)))


def for_node(
    roles: Iterable[str], definition_versions: Mapping[str, str], store_index: Index, base_url: str
) -> dict[str, Any]:
    """What a node with these roles installs, for ``pillar['saltern']['artifacts']``.

    An artifact that the store lacks has empty ``sha256`` and ``url``: state ``artifact.installed`` then refuses and
    says what to do, while the rest of the pillar stays usable.

    :param definition_versions: artifact name -> version, from the definition.
    :param store_index: from :func:`store_index`.
    :param base_url: of the support server's store, such as ``https://10.99.0.10:8443``. The support server itself
        reads the store's directory: it needs Consul and Vault before its nginx runs.
    """
    roles = tuple(roles)
    base = f"file://{paths.ARTIFACT_STORE}" if "support" in roles else base_url.rstrip("/")
    return {name: _describe(name, definition_versions, store_index, base) for name in needed(roles)}


def for_job(name: str, store_index: Index, base_url: str) -> dict[str, str]:
    """What a job specification needs to run an image from the store: ``url``, ``sha256``, ``file``, ``image``.

    Nomad's ``artifact`` block unpacks a ``.tar`` unless it has ``options { archive = "false" }``; the docker driver
    then takes ``load = file`` and ``image = image``.

    :raises ArtifactError: when the store does not hold the image.
    """
    found = _describe(name, {}, store_index, base_url.rstrip("/"))
    if not found["sha256"]:
        raise ArtifactError(f"The artifact store holds no {name}.", cure=f"salt-run artifact.fetch {name}")
    return {key: found[key] for key in ("url", "sha256", "image")} | {"file": found["files"][0]}


def missing(roles: Iterable[str], definition_versions: Mapping[str, str], store_index: Index) -> list[Problem]:
    """One problem for every artifact that nodes with these roles need and the store lacks (preflight)."""
    described = for_node(roles, definition_versions, store_index, "https://store")
    return [
        Problem(
            f"{name} {one['version']} is not in the artifact store.".replace("  ", " "),
            where=paths.ARTIFACT_STORE,
            cure=f"salt-run artifact.fetch {name}",
        )
        for name, one in described.items()
        if not one["sha256"]
    ]


def _describe(name: str, versions: Mapping[str, str], index: Index, base: str) -> dict[str, Any]:
    held = index.get(name, {})
    version = versions.get(name) or max(held, key=_order, default="")
    record = held.get(version)
    if record is None:
        kind = "image" if name in _IMAGES else "binary"
        return {"version": version, "sha256": "", "url": "", "kind": kind, "files": [name]}
    described = {
        "version": version,
        "sha256": record["sha256"],
        "url": f"{base}/{name}/{version}/{record['file']}",
        "kind": record["kind"],
        "files": [record["file"]],
    }
    if record["kind"] == "image":
        described |= {"image": record["image"], "image_id": record["image_id"]}
    return described


def _order(version: str) -> tuple[tuple[int, str], ...]:
    """Numbers compare as numbers: 1.10.0 is newer than 1.9.0."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in version.replace("-", ".").split("."))
