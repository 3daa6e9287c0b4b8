"""`lab/status`: the nodes of the lab."""

from __future__ import annotations

import json

from saltern_lab import client, daemon, lifecycle
from saltern_lab.commands import arguments as reading
from saltern_lab.settings import Lab


def main(arguments: list[str]) -> int:
    """Print every node; exit 1 when one is down or the lab does not run."""
    parser = reading.parser("status", "Print every node of the lab: state, addresses, memory, disk, uptime.")
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
    parsed = parser.parse_args(arguments)
    lab = Lab.from_environment()
    running = daemon.process(lab) is not None
    if not running:
        print(f"lab {lab.name}: not running")
        return 1
    nodes = client.call(lab.socket, "list")
    print(json.dumps(nodes, indent=2) if parsed.json else lifecycle.table(lab))
    return 0 if nodes and all(node["state"] == "running" for node in nodes) else 1
