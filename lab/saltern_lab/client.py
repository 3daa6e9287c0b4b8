"""Asking the daemon: one request, one answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saltern.clients.lab import LabCloud


def call(path: Path, method: str, **params: Any) -> Any:
    """Call a method of the daemon that listens at ``path``; its errors become ours."""
    return LabCloud(str(path)).call(method, **params)
