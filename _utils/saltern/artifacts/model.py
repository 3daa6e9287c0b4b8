"""What an artifact is, as pinned in the manifest and as kept in a store: frozen values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROVIDERS = ("file", "release", "go", "image")
KINDS = ("binary", "image")

Report = Callable[["Progress"], None]


@dataclass(frozen=True)
class Release:
    """The publisher's archive. ``sha256`` is that of the archive; empty when nobody stated it yet."""

    url: str
    sha256: str
    member: str  # the file in the archive


@dataclass(frozen=True)
class GoBuild:
    """A Go main package that is built from a wrapper module with go.mod and go.sum of ours."""

    wrapper: Path
    module: str
    tags: tuple[str, ...]
    ldflags: str
    cgo: bool
    typical: int  # seconds from empty caches


@dataclass(frozen=True)
class ImageBuild:
    """A container image made of a static busybox: its applets as links, empty directories, and how it starts."""

    applets: tuple[str, ...]
    directories: tuple[str, ...]
    user: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]


@dataclass(frozen=True)
class Artifact:
    """One pinned version of one artifact: a single file in the store."""

    name: str
    version: str
    licence: str
    kind: str  # of KINDS
    file: str
    release: Release | None = None
    go: GoBuild | None = None
    image: ImageBuild | None = None

    @property
    def label(self) -> str:
        """``name version``, for texts."""
        return f"{self.name} {self.version}"

    @property
    def reference(self) -> str:
        """The image's reference as Docker knows it once it is loaded."""
        return f"saltern/{self.name}:{self.version}"


@dataclass(frozen=True)
class Manifest:
    """The pinned list."""

    platform: str
    providers: tuple[str, ...]
    artifacts: tuple[Artifact, ...]

    def versions(self, name: str) -> tuple[str, ...]:
        """Every pinned version of ``name``; empty when the name is unknown."""
        return tuple(one.version for one in self.artifacts if one.name == name)


@dataclass(frozen=True)
class Entry:
    """A finished artifact in a store.

    :param sha256: of the file that nodes get.
    :param source: where it came from: a URL, a Go module with its key, a path.
    :param recipe: digest of what it was built from; empty when it was not built here.
    :param image_id: Docker's id of the image; empty for other kinds.
    """

    name: str
    version: str
    file: str
    sha256: str
    size: int
    kind: str
    licence: str
    provider: str
    source: str
    recipe: str = ""
    key: str = ""
    image: str = ""
    image_id: str = ""


@dataclass(frozen=True)
class Supplied:
    """What a provider hands over: a finished file in the working directory."""

    path: Path
    source: str
    recipe: str = ""
    key: str = ""
    image_id: str = ""
    served_by: str = ""  # the provider that made it first, when it only passed through `file`


@dataclass(frozen=True)
class Progress:
    """How far a long task is.

    :param what: "building vault 1.21.1".
    :param elapsed: seconds since it began.
    :param typical: seconds that it takes in all; 0 when nobody knows.
    :param after: typical seconds of what comes after it.
    :param done: bytes so far, for downloads.
    :param total: bytes in all; 0 when unknown.
    """

    what: str
    elapsed: float = 0.0
    typical: float = 0.0
    after: float = 0.0
    done: int = 0
    total: int = 0
