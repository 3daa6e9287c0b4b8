"""What the render tests look at in Salt's low state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

REQUISITES = ("require", "watch", "onchanges", "onfail", "prereq", "listen", "require_any", "watch_any")


def unresolved(chunks: Iterable[dict[str, Any]]) -> list[str]:
    """Requisites that name no state of the run; Salt itself would find out only while it runs."""
    chunks = list(chunks)
    known = {(chunk["state"], chunk[key]) for chunk in chunks for key in ("__id__", "name")}
    known |= {("sls", chunk["__sls__"]) for chunk in chunks}
    return [
        f"{chunk['__id__']}: {kind} {wanted}"
        for chunk in chunks
        for kind in REQUISITES
        for wanted in chunk.get(kind, [])
        if not set(wanted.items()) <= known
    ]


def find(chunks: Iterable[dict[str, Any]], function: str) -> list[dict[str, Any]]:
    """The chunks of one state function, ``file.managed`` for example, in their order."""
    return [chunk for chunk in chunks if f"{chunk['state']}.{chunk['fun']}" == function]


def services(chunks: Iterable[dict[str, Any]]) -> list[str]:
    """The services that the run starts; a timer is none."""
    return [chunk["name"] for chunk in find(chunks, "unit.running") if not chunk["name"].endswith(".timer")]


def made(chunks: Iterable[dict[str, Any]]) -> set[str]:
    """The files and directories that the run makes."""
    chunks = list(chunks)
    return {chunk["name"] for function in ("file.managed", "file.directory") for chunk in find(chunks, function)}
