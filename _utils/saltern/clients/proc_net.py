"""Listening sockets of this machine with their programs, from ``/proc``: no program to start, nothing to install."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

from saltern.preflight.facts import Listener

PROC = Path("/proc")
_TCP_LISTEN = "0A"
_UDP_UNCONNECTED = "07"
_TABLES = {"tcp": _TCP_LISTEN, "tcp6": _TCP_LISTEN, "udp": _UDP_UNCONNECTED, "udp6": _UDP_UNCONNECTED}


def listeners(proc: Path = PROC) -> list[Listener]:
    """Every socket on which a process of this machine waits, sorted by port."""
    found = []
    programs: dict[str, str] = {}
    for table, state in _TABLES.items():
        for address, port, inode in _rows(proc / "net" / table, state):
            programs = programs or dict(_programs(proc))
            found.append(Listener(table[:3], address, port, programs.get(inode, "")))
    return sorted(set(found), key=lambda one: (one.port, one.protocol, one.address, one.process))


def _rows(table: Path, state: str) -> Iterator[tuple[str, int, str]]:
    """Address, port and inode of the sockets in ``state``."""
    if not table.exists():  # a kernel without IPv6
        return
    for line in table.read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] == state:
            address, _, port = fields[1].partition(":")
            yield _address(address), int(port, 16), fields[9]


def _address(text: str) -> str:
    """The kernel prints addresses as words of four bytes in the machine's own order."""
    words = [bytes.fromhex(text[start : start + 8])[::-1] for start in range(0, len(text), 8)]
    packed = b"".join(words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _programs(proc: Path) -> Iterator[tuple[str, str]]:
    """Socket inode and program of every open socket. What ends while we look is left out."""
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        try:
            descriptors = list((process / "fd").iterdir())
        except OSError:
            continue
        program = ""
        for descriptor in descriptors:
            target = _link(descriptor)
            if target.startswith("socket:["):
                program = program or _program(process)
                yield target[8:-1], program


def _program(process: Path) -> str:
    """The program's file; for an interpreter the script that it runs."""
    program = _link(process / "exe").removesuffix(" (deleted)")
    if Path(program).name.startswith("python"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").split()
        except OSError:
            return program
        return next((word for word in words[1:] if word.startswith("/")), program)
    return program


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
