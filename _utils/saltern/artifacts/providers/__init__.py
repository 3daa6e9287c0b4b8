"""The places that artifacts come from. Each provider says whether it can serve an artifact, and serves it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from saltern.artifacts.model import Artifact, Report, Supplied


class Provider(Protocol):
    """Serves artifacts of one kind of origin."""

    name: str

    def declared(self, artifact: Artifact) -> bool:
        """Whether this provider may be asked for the artifact at all."""

    def supply(self, artifact: Artifact, work: Path, report: Report, after: float) -> Supplied:
        """Put the finished file into ``work``.

        :param work: a directory on the store's file system; partial results may stay in it for the next try.
        :param after: typical seconds of what comes after this artifact, for ``report``.
        :raises ArtifactError: when it cannot; the next provider is asked then.
        :raises ChecksumMismatch: when what it has is not what was pinned; nobody else is asked then.
        """
