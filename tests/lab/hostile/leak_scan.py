"""Looks for secrets in every file of a node, its journal, and what its processes and containers were started with.

Runs on the node. Standard input: ``{"name": "secret"}``. Prints ``{"where": ["name", …]}``, never a secret.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SECRETS = {name: value.encode() for name, value in json.load(sys.stdin).items()}
PATTERNS = b"\n".join(SECRETS.values()) + b"\n"


def output(*command: str, patterns: bytes = b"") -> bytes:
    return subprocess.run(command, input=patterns, capture_output=True, check=False).stdout


def names(content: bytes) -> list[str]:
    return sorted(name for name, value in SECRETS.items() if value in content)


def files() -> Iterator[tuple[str, list[str]]]:
    """`grep` reads gigabytes a second; only what it found is read here."""
    skipped = [f"--exclude-dir={name}" for name in ("proc", "sys", "saltstack")]
    found = output("grep", "-rlaFZ", "--devices=skip", *skipped, "--file=-", "/", patterns=PATTERNS)
    for path in filter(None, found.decode(errors="replace").split("\0")):
        try:
            yield path, names(Path(path).read_bytes())
        except OSError:
            continue  # it was there a moment ago


def unknown_ones() -> Iterator[tuple[str, list[str]]]:
    """Tokens of Vault and private keys that nobody declared, by their form; not in programs and sources."""
    places = ("/var", "/tmp", "/root", "/home", "/run", "/etc/salt", "/opt/consul", "/opt/nomad", "/opt/vault")
    forms = {
        "a token of Vault": r"\bhv[sb]\.[A-Za-z0-9_-]{24,}",
        "a private key": "-----BEGIN [A-Z ]*PRIVATE KEY-----",
    }
    for kind, form in forms.items():
        options = (
            "-rlaEZ",
            "--devices=skip",
            "--exclude-dir=saltern-artifacts",
            "--exclude-dir=artifacts",
            f"--regexp={form}",
        )
        found = output("grep", *options, *(place for place in places if Path(place).exists()))
        for path in filter(None, found.decode(errors="replace").split("\0")):
            yield path, [kind]


def processes() -> Iterator[tuple[str, list[str]]]:
    for directory in Path("/proc").glob("[0-9]*"):
        for kind in ("cmdline", "environ"):
            try:
                seen = names((directory / kind).read_bytes())
                yield f"{kind} of {os.readlink(directory / 'exe')}", seen
            except OSError:
                continue  # it has ended, or is the kernel's


def others() -> Iterator[tuple[str, list[str]]]:
    yield "journal", names(output("journalctl", "--all", "--output=export", "--no-pager"))
    yield "firewall", names(output("nft", "list", "ruleset"))
    containers = output("docker", "ps", "--all", "--quiet").decode().split() if Path("/usr/bin/docker").exists() else []
    for container in containers:
        content = output("docker", "inspect", container)
        yield "container", names(content) + (["a token of Vault"] if b"VAULT_TOKEN=" in content else [])


def for_everybody(path: str) -> bool:
    """Whether any user of the node could read a file."""
    file = Path(path)
    try:
        return bool(file.stat().st_mode & 0o004) and all(one.stat().st_mode & 0o001 for one in file.parents)
    except OSError:
        return False


held: dict[str, list[str]] = {}
for source in (files, unknown_ones, processes, others):
    for where, what in source():
        if what:
            held.setdefault(where, []).extend(what)
for where in list(held):
    if where.startswith("/") and for_everybody(where):
        held[where].append("for everybody")
print(json.dumps(held))
