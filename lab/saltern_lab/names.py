"""Which names and sizes a lab takes. Everything that comes in over the socket passes here first."""

from __future__ import annotations

import re

from saltern.errors import LabError
from saltern.model import Size

GIBIBYTE = 1 << 30
MEBIBYTE = 1 << 20
UNITS = {"": 1, "KiB": 1 << 10, "MiB": MEBIBYTE, "GiB": GIBIBYTE}
RESERVED = ("labd", "localhost", "salt")

_LAB = re.compile(r"[a-z0-9]{1,8}")
_NODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_AMOUNT = re.compile(r"([0-9]{1,18})\s*(|KiB|MiB|GiB)")


def lab(name: str) -> str:
    """The name of a lab, or an error that says what it must look like."""
    if not _LAB.fullmatch(name):
        raise LabError(f"{name!r} cannot name a lab.", cure="Set SALTERN_LAB to 1 to 8 of the characters a-z and 0-9.")
    return name


def node(name: object) -> str:
    """The name of a node; it becomes a host name, a directory and a cgroup, so nothing else may pass."""
    if not isinstance(name, str) or len(name) > 32 or not _NODE.fullmatch(name):
        raise LabError(
            f"{name!r} cannot name a node.",
            cure="Use at most 32 lower-case letters, digits and single hyphens, a letter first.",
        )
    if name in RESERVED:
        raise LabError(f"{name!r} is a reserved name.", cure=f"Use another one than {', '.join(RESERVED)}.")
    return name


def amount(value: object, what: str) -> int:
    """Bytes from ``1073741824`` or ``1GiB``."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    match = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    if not match or not int(match[1]):
        raise LabError(
            f"{what} is {value!r}, which is no amount.", cure="Write a positive number with KiB, MiB or GiB."
        )
    return int(match[1]) * UNITS[match[2]]


def size(value: object) -> Size:
    """A size from ``{"cpus": 2, "memory": "1GiB", "disk": "8GiB"}``, within what a node can live with."""
    if not isinstance(value, dict):
        raise LabError(f"size is {value!r}.", cure='Write {"cpus": 2, "memory": "1GiB", "disk": "8GiB"}.')
    unknown = set(value) - {"name", "cpus", "memory", "disk"}
    if unknown:
        raise LabError(f"size has unknown keys: {', '.join(sorted(map(str, unknown)))}.", cure="Leave them out.")
    cpus = value.get("cpus")
    if not isinstance(cpus, int) or isinstance(cpus, bool) or not 1 <= cpus <= 256:
        raise LabError(f"size.cpus is {cpus!r}.", cure="Write a whole number from 1 to 256.")
    memory, disk = amount(value.get("memory"), "size.memory"), amount(value.get("disk"), "size.disk")
    if memory < 128 * MEBIBYTE:
        raise LabError(f"size.memory is {memory} bytes.", cure="A node needs at least 128MiB to boot.")
    if disk < 256 * MEBIBYTE:
        raise LabError(f"size.disk is {disk} bytes.", cure="A node needs at least 256MiB.")
    return Size(name=str(value.get("name", "")), cpus=cpus, memory=memory, disk=disk)
