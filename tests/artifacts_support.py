"""What several tests of artifacts need."""

from __future__ import annotations

from saltern.artifacts.model import Artifact, Entry, Supplied
from saltern.artifacts.store import Store

CONTENT = b"#!/bin/sh\necho tool 1.2.3\n"


def put(store: Store, artifact: Artifact, content: bytes = CONTENT, recipe: str = "") -> Entry:
    """Take ``content`` into the store as provider ``release`` would."""
    path = store.work(artifact) / artifact.file
    path.write_bytes(content)
    return store.add(artifact, Supplied(path, source="made up", recipe=recipe), "release")
