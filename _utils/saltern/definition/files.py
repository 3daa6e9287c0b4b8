"""What the definition says about files beside it: operators' keys and artifact versions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from saltern.definition import pgp
from saltern.definition.draft import Draft
from saltern.definition.typed import meant
from saltern.errors import Problem

REQUIRED_ARTIFACTS = ("consul", "nomad", "vault")


def operator_keys(directory: Path, draft: Draft) -> Iterator[Problem]:
    """Reads ``<directory>/<operator>.asc`` of each operator into the draft."""
    operators = draft.custody.get("operators")
    if operators is None:
        return
    where = draft.custody.where("operators")
    for name in operators:
        file = directory / f"{name}.asc"
        try:
            text = file.read_text(encoding="ascii")
        except FileNotFoundError:
            cure = f"put the operator's public key there (`gpg --armor --export {name}`)."
            yield Problem(f"the operator {name} has no key file operators/{name}.asc", where=where, cure=cure)
            continue
        except (OSError, UnicodeDecodeError) as error:
            what = f"operators/{name}.asc cannot be read as ASCII armour: {error}"
            yield Problem(what, where=where, cure=f"export it again (`gpg --armor --export {name}`).")
            continue
        fault = pgp.fault(text)
        if fault:
            yield Problem(f"operators/{name}.asc: {fault[0]}", where=where, cure=fault[1])
        draft.keys[name] = text
    for file in sorted(directory.glob("*.asc")):
        if file.stem not in operators:
            what = f"operators/{file.name} belongs to no operator that is named here"
            yield Problem(what, where=where, cure=f"add `{file.stem}` to the list, or delete the file.")


def versions(draft: Draft, artifacts: Mapping[str, Collection[str]] | None) -> Iterator[Problem]:
    """The three services have a version, and every version is one that the artifact manifest knows."""
    for name in REQUIRED_ARTIFACTS:
        if "versions" in draft.places and name not in draft.version_places:
            what = f"the version of {name} is missing"
            yield Problem(what, where=draft.where("versions"), cure=f"add `{name}: <version>`.")
    for name, place in draft.version_places.items() if artifacts is not None else ():
        known = sorted((artifacts or {}).get(name, ()))
        if not known:
            cure = meant(name, sorted(artifacts or {}))
            yield Problem(f"`{name}` is no artifact of artifacts/manifest.yaml", where=str(place), cure=cure)
        elif name in draft.versions and draft.versions[name] not in known:
            what = f"{name} {draft.versions[name]} is not in artifacts/manifest.yaml"
            cure = f"Known: {', '.join(known)}; or add this version there with its checksum."
            yield Problem(what, where=str(place), cure=cure)
