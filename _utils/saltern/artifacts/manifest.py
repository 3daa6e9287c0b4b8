"""Reads the pinned list of artifacts and tells every problem in it at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from saltern.amounts import SECONDS
from saltern.artifacts.model import KINDS, PROVIDERS, Artifact, GoBuild, ImageBuild, Manifest, Release
from saltern.errors import Problem, Problems

FILE_NAME = "artifacts/manifest.yaml"  # below the repository

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
VERSION = re.compile(r"[0-9]+(\.[0-9]+){1,3}([-+][0-9A-Za-z.]+)?")
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
SHA256 = re.compile(r"[0-9a-f]{64}")
_DURATION = re.compile(r"([0-9]+)(s|m|h)")


def load(path: Path) -> Manifest:
    """The validated manifest.

    :raises Problems: with every problem, its place and its cure.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Problems("The list of artifacts cannot be read.", [Problem(str(error), where=str(path))]) from error
    except yaml.YAMLError as error:
        raise Problems("The list of artifacts is not YAML.", [Problem(str(error), where=str(path))]) from error
    return parse(document, str(path), path.parent)


def parse(document: Any, where: str, base: Path) -> Manifest:
    """The manifest of an already loaded document; wrappers are looked for below ``base``."""
    reader = _Reader(where)
    root = reader.mapping(document, "", {"platform", "providers", "artifacts"})
    platform = reader.text(root, "", "platform", FILE)
    providers = reader.texts(root, "", "providers")
    for unknown in [one for one in providers if one not in PROVIDERS]:
        reader.problem("providers", f"Unknown provider {unknown!r}.", f"choose of {', '.join(PROVIDERS)}")
    items = root.get("artifacts")
    if not isinstance(items, list) or not items:
        reader.problem("artifacts", "A list of artifacts is needed.", "see docs/reference/artifacts.md")
        items = []
    artifacts = [_artifact(reader, f"artifacts[{index}]", item, base) for index, item in enumerate(items)]
    _refuse_duplicates(reader, artifacts)
    if reader.problems:
        raise Problems("The list of artifacts has problems; nothing was fetched.", reader.problems)
    return Manifest(platform, providers, tuple(artifacts))


class _Reader:
    """Collects problems instead of stopping at the first one."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def problem(self, place: str, what: str, cure: str = "") -> None:
        self.problems.append(Problem(what, where=f"{self.file}: {place or '(top)'}", cure=cure))

    def mapping(self, value: Any, place: str, known: set[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.problem(place, f"Expected keys and values, found {type(value).__name__}.")
            return {}
        for key in value:
            if key not in known:
                self.problem(_join(place, str(key)), "Unknown key.", f"known keys: {', '.join(sorted(known))}")
        return {str(key): item for key, item in value.items()}

    def text(self, root: dict[str, Any], place: str, key: str, pattern: re.Pattern[str] | None = None) -> str:
        value = root.get(key)
        if not isinstance(value, str) or not value:
            self.problem(_join(place, key), f"Expected a text, found {value!r}.", "write it in quotes")
            return ""
        if pattern and not pattern.fullmatch(value):
            self.problem(_join(place, key), f"{value!r} does not have the form {pattern.pattern}.")
        return value

    def texts(self, root: dict[str, Any], place: str, key: str) -> tuple[str, ...]:
        value = root.get(key)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            self.problem(_join(place, key), f"Expected a list of texts, found {value!r}.")
            return ()
        return tuple(value)


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _artifact(reader: _Reader, place: str, item: Any, base: Path) -> Artifact:
    known = {"name", "version", "licence", "kind", "file", "release", "go", "image"}
    root = reader.mapping(item, place, known)
    kind = reader.text(root, place, "kind")
    if kind and kind not in KINDS:
        reader.problem(f"{place}.kind", f"Unknown kind {kind!r}.", f"choose of {', '.join(KINDS)}")
    artifact = Artifact(
        name=reader.text(root, place, "name", NAME),
        version=reader.text(root, place, "version", VERSION),
        licence=reader.text(root, place, "licence"),
        kind=kind,
        file=reader.text(root, place, "file", FILE),
        release=_part(root, "release", lambda value: _release(reader, f"{place}.release", value)),
        go=_part(root, "go", lambda value: _go(reader, f"{place}.go", value, base)),
        image=_part(root, "image", lambda value: _image(reader, f"{place}.image", value)),
    )
    if (kind == "image") != (artifact.image is not None):
        reader.problem(place, "`kind: image` and the key `image` belong together.")
    if kind == "image" and (artifact.release or artifact.go):
        reader.problem(place, "An image is built by us: it has neither `release` nor `go`.")
    return artifact


def _part(root: dict[str, Any], key: str, read: Callable[[Any], Any]) -> Any:
    return read(root[key]) if key in root else None


def _release(reader: _Reader, place: str, value: Any) -> Release:
    root = reader.mapping(value, place, {"url", "sha256", "member"})
    url = reader.text(root, place, "url")
    if url and urlsplit(url).scheme != "https":
        reader.problem(f"{place}.url", f"{url!r} is not HTTPS.", "artifacts are downloaded over verified TLS only")
    unknown = set(re.findall(r"{([^}]*)}", url)) - {"name", "version", "platform"}
    if unknown:
        reader.problem(f"{place}.url", f"Unknown placeholders: {', '.join(sorted(unknown))}.")
    sha256 = root.get("sha256", "")
    if sha256 != "" and not (isinstance(sha256, str) and SHA256.fullmatch(sha256)):
        reader.problem(f"{place}.sha256", f"{sha256!r} is not a sha256 sum of 64 hexadecimal digits.")
        sha256 = ""
    return Release(url, sha256, reader.text(root, place, "member", FILE))


def _go(reader: _Reader, place: str, value: Any, base: Path) -> GoBuild:
    root = reader.mapping(value, place, {"wrapper", "module", "tags", "ldflags", "cgo", "typical"})
    name = reader.text(root, place, "wrapper", re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*"))
    wrapper = base / name
    for needed in ("go.mod", "go.sum"):
        if name and not (wrapper / needed).is_file():
            reader.problem(f"{place}.wrapper", f"{wrapper / needed} does not exist.")
    cgo = root.get("cgo")
    if not isinstance(cgo, bool):
        reader.problem(f"{place}.cgo", f"Expected true or false, found {cgo!r}.")
    typical = _DURATION.fullmatch(reader.text(root, place, "typical", _DURATION))
    ldflags = root.get("ldflags", "")
    if not isinstance(ldflags, str):
        reader.problem(f"{place}.ldflags", f"Expected a text, found {ldflags!r}.")
    return GoBuild(
        wrapper=wrapper,
        module=reader.text(root, place, "module"),
        tags=reader.texts(root, place, "tags"),
        ldflags=str(ldflags),
        cgo=bool(cgo),
        typical=int(typical[1]) * SECONDS[typical[2]] if typical else 0,
    )


def _image(reader: _Reader, place: str, value: Any) -> ImageBuild:
    root = reader.mapping(value, place, {"applets", "directories", "user", "entrypoint", "command"})
    image = ImageBuild(
        applets=reader.texts(root, place, "applets"),
        directories=reader.texts(root, place, "directories"),
        user=reader.text(root, place, "user", re.compile(r"[1-9][0-9]*:[1-9][0-9]*")),  # never root
        entrypoint=reader.texts(root, place, "entrypoint"),
        command=reader.texts(root, place, "command"),
    )
    for directory in image.directories:
        if not re.fullmatch(r"(/[A-Za-z0-9_-]+)+", directory):
            reader.problem(f"{place}.directories", f"{directory!r} is not an absolute path.")
    for applet in image.applets:
        if not re.fullmatch(r"[a-z0-9-]+", applet):
            reader.problem(f"{place}.applets", f"{applet!r} is not an applet of busybox.")
    if not image.entrypoint and not image.command:
        reader.problem(place, "Neither entrypoint nor command: the container would have nothing to run.")
    return image


def _refuse_duplicates(reader: _Reader, artifacts: list[Artifact]) -> None:
    seen: set[tuple[str, str]] = set()
    for index, one in enumerate(artifacts):
        if one.name and (one.name, one.version) in seen:
            reader.problem(f"artifacts[{index}]", f"{one.label} is listed twice.", "remove one of the two")
        seen.add((one.name, one.version))
