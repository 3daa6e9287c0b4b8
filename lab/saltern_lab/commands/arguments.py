"""How the lab's commands read their arguments."""

from __future__ import annotations

import argparse

ENVIRONMENT = """
environment:
  SALTERN_LAB     the name of the lab, 1 to 8 of a-z and 0-9 (default: default); labs run side by side
  SALTERN_CACHE   where images and artifacts are kept (default: /var/cache/saltern)
"""


def parser(name: str, purpose: str, details: str = "") -> argparse.ArgumentParser:
    """A parser whose --help says what the command does and which environment it heeds."""
    return argparse.ArgumentParser(
        prog=f"lab/{name}",
        description=purpose,
        epilog=f"{details}\n{ENVIRONMENT}".strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def node_and_command(name: str, purpose: str, arguments: list[str], details: str = "") -> tuple[str, list[str]]:
    """``NODE [--] COMMAND…``: whatever follows the node belongs to the command, dashes and all."""
    read = parser(name, purpose, details)
    read.usage = f"lab/{name} NODE -- COMMAND"
    read.add_argument("node", metavar="NODE")
    read.add_argument("command", metavar="COMMAND", nargs=argparse.REMAINDER, help="after --")
    parsed = read.parse_args(arguments)
    command = parsed.command[1:] if parsed.command[:1] == ["--"] else parsed.command
    if not command:
        read.error("which command? Write: lab/exec NODE -- COMMAND")
    return str(parsed.node), [str(word) for word in command]
