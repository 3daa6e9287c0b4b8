"""`lab/NAME ARGUMENTS` arrives here as `python3 -m saltern_lab NAME ARGUMENTS`."""

from __future__ import annotations

import importlib
import os
import sys

from saltern.errors import SalternError

COMMANDS = ("up", "down", "status", "exec", "kill", "start", "shell", "unseal", "daemon")


def main(arguments: list[str]) -> int:
    """Run one command; errors of ours are printed as one text, without a traceback."""
    if not arguments or arguments[0] not in COMMANDS:
        print(f"usage: lab/COMMAND, one of: {' '.join(COMMANDS[:-1])}", file=sys.stderr)
        return 2
    command = importlib.import_module(f"saltern_lab.commands.{arguments[0]}")
    wants_help = {"-h", "--help"} & set(arguments[1:2])
    if os.geteuid() != 0 and not wants_help:
        print(f"lab/{arguments[0]}: root is needed. Cure: sudo lab/{' '.join(arguments)}", file=sys.stderr)
        return 2
    try:
        return int(command.main(arguments[1:]))
    except SalternError as error:
        print(f"lab/{arguments[0]}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
