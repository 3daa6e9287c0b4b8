"""Amounts as people write them: durations (``72h``) and bytes (``512MiB``, ``8GB``). Pure; needs no YAML."""

from __future__ import annotations

import re

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def seconds(text: str) -> int | None:
    """A duration with its unit, in seconds; None for any other text."""
    return _read(text, SECONDS)


def size(text: str) -> int | None:
    """An amount of memory or disk with its unit, in bytes; None for any other text."""
    return _read(text, BYTES)


def _read(text: str, units: dict[str, int]) -> int | None:
    match = re.fullmatch(f"([1-9][0-9]*)({'|'.join(units)})", text)
    return int(match[1]) * units[match[2]] if match else None
