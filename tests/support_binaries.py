"""Finds the real Consul, Vault and Nomad for tests: finished artifacts first, then those of an earlier build."""

from __future__ import annotations

import os
from pathlib import Path


def cache() -> Path:
    """Where artifacts are kept on this machine."""
    return Path(os.environ.get("SALTERN_CACHE", "/var/cache/saltern"))


def binary(name: str) -> Path:
    """The newest binary ``name``.

    :raises FileNotFoundError: when there is none; a test without its service fails, it is not skipped.
    """
    found = [path for path in (cache() / "artifacts" / name).glob(f"*/{name}") if os.access(path, os.X_OK)]
    found.sort(key=lambda path: path.stat().st_mtime)
    built = cache() / "prebuild" / name
    if not found and os.access(built, os.X_OK):
        found = [built]
    if not found:
        raise FileNotFoundError(
            f"no {name} below {cache()}. Cure: `tests/run` prepares it before the tests that need it"
        )
    return found[-1]
