"""`lab/start NODE`."""

from __future__ import annotations

from saltern_lab import client
from saltern_lab.commands import arguments as reading
from saltern_lab.settings import Lab


def main(arguments: list[str]) -> int:
    """Boot a node that is down."""
    parser = reading.parser("start", "Boot a node that is down.")
    parser.add_argument("node", metavar="NODE")
    parsed = parser.parse_args(arguments)
    client.call(Lab.from_environment().socket, "start", name=parsed.node)
    print(f"{parsed.node}: runs")
    return 0
