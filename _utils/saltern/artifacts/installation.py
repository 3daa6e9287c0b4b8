"""Carries out on a node what :mod:`saltern.artifacts.install` decided.

``<root>/<name>/<version>/<file>``, and for binaries the link ``<root>/bin/<file>`` to the version in use. A file gets
to its place only after its sum was checked, in one step; the link is switched in one step.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from saltern import paths
from saltern.artifacts import download, files
from saltern.artifacts.install import Plan, Present, Wanted, plan
from saltern.errors import ArtifactError

_INCOMING = ".incoming"  # on the destination's file system; holds partial downloads


class Installation:
    """The artifacts of this node.

    :param root: directory of the artifacts; ``/opt/saltern`` when left out.
    :param store: the only place that a ``file://`` URL may name; the support server's store when left out.
    """

    def __init__(self, root: Path | None = None, store: Path | None = None) -> None:
        self._root, self._store = root or Path(paths.ARTIFACTS), store or Path(paths.ARTIFACT_STORE)

    def present(self, want: Wanted) -> Present:
        """What the node has of it. Reads the whole file: its sum is checked every time."""
        path = self._path(want)
        return Present(
            versions=self.versions(want.name),
            sha256=files.sha256_of(path) if path.is_file() else "",
            linked=self.linked(want.name, want.file),
        )

    def versions(self, name: str) -> tuple[str, ...]:
        """The installed versions, the one installed last first."""
        found = [one for one in (self._root / name).glob("*") if one.is_dir()]
        return tuple(one.name for one in sorted(found, key=lambda one: (-one.stat().st_mtime_ns, one.name)))

    def linked(self, name: str, file: str) -> str:
        """The version that is in use; empty when there is none."""
        link = self._root / "bin" / file
        if not link.is_symlink():
            return ""
        target = link.readlink().parts
        known = target == ("..", name, *target[2:3], file) and (self._root / name / target[2] / file).is_file()
        return target[2] if known else ""

    def names(self) -> tuple[str, ...]:
        """The artifacts of which any version is installed."""
        return tuple(sorted(one.name for one in self._root.glob("[a-z]*") if one.is_dir() and one.name != "bin"))

    def install(self, want: Wanted, ca_file: str = "") -> Plan:
        """Bring the node to what is wanted; returns what was done.

        :param ca_file: PEM file of the only roots to trust; empty: the system's trust store.
        :raises ChecksumMismatch: nothing was installed.
        :raises ArtifactError: the URL cannot be had, the disk is full, rights are missing.
        """
        with self._errors(want.name), self._locked():
            present = self.present(want)
            todo = plan(want, present)
            if todo.download:
                self._bring(want, ca_file)
            if todo.switch:
                files.link(self._root / "bin" / want.file, f"../{want.name}/{want.version}/{want.file}")
            for version in todo.remove:
                shutil.rmtree(self._root / want.name / version)
            return todo

    def remove(self, name: str) -> tuple[str, ...]:
        """Remove every version of an artifact and its links; returns what was removed."""
        with self._errors(name), self._locked():
            links = self.links(name)
            for link in links:
                link.unlink()
            versions = self.versions(name)
            shutil.rmtree(self._root / name, ignore_errors=not versions)
            return (*(str(link) for link in links), *(f"{name} {version}" for version in versions))

    def links(self, name: str) -> list[Path]:
        """The links in ``bin`` that point to any version of the artifact."""
        found = sorted((self._root / "bin").glob("*"))
        return [one for one in found if one.is_symlink() and one.readlink().parts[:2] == ("..", name)]

    def _bring(self, want: Wanted, ca_file: str) -> None:
        incoming = self._root / _INCOMING / f"{want.name}-{want.version}-{want.sha256[:16]}"
        if urlsplit(want.url).scheme == "file":
            files.copy(self._local(want.url), incoming)
            download.expect(incoming, want.sha256, want.url)
        else:
            download.verified(want.url, incoming, want.sha256, ca_file=ca_file)
        path = self._path(want)
        for directory in (path.parent.parent, path.parent):
            files.directory(directory, 0o755)
        files.publish(incoming, path, 0o755 if want.kind == "binary" else 0o644)
        for leftover in (self._root / _INCOMING).glob(f"{want.name}-*"):
            leftover.unlink()

    def _local(self, url: str) -> Path:
        path = Path(unquote(urlsplit(url).path)).resolve()
        if not path.is_relative_to(self._store.resolve()):
            raise ArtifactError(f"{url} is not in the artifact store {self._store}.", cure="use an https:// URL")
        return path

    def _path(self, want: Wanted) -> Path:
        return self._root / want.name / want.version / want.file

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Two runs of Salt may overlap; the second waits for the first."""
        for name, mode in (("", 0o755), ("bin", 0o755), (_INCOMING, 0o700)):
            files.directory(self._root / name, mode)
        with files.locked(self._root / _INCOMING / "lock", lambda: None):
            yield

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ArtifactError(
                f"{name} cannot be installed below {self._root}: {error}.", cure="check free space and rights there"
            ) from error
