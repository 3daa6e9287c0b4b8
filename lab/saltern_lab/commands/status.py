"""`lab/status`: the nodes of the lab."""

from __future__ import annotations

import json
import sys

from saltern_lab import daemon, lifecycle
from saltern_lab.commands import arguments as reading
from saltern_lab.settings import Lab


def main(arguments: list[str]) -> int:
    """Print every node; exit 1 when one is down or the lab does not run."""
    parser = reading.parser("status", "Print every node of the lab: state, addresses, memory, disk, uptime.")
    parser.add_argument("--json", action="store_true", help="print data instead of a table")
    parsed = parser.parse_args(arguments)
    lab = Lab.from_environment()
    if not lab.nodes.is_dir():
        print(f"lab {lab.name}: not running")
        return 1
    running = daemon.process(lab) is not None
    nodes = lifecycle.nodes(lab)
    print(json.dumps(nodes, indent=2) if parsed.json else lifecycle.table(nodes))
    if not running:
        print(f"lab {lab.name}: its daemon does not run. Cure: lab/up", file=sys.stderr)
    return 0 if running and nodes and all(node["state"] == "running" for node in nodes) else 1
