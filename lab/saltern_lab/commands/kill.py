"""`lab/kill NODE`."""

from __future__ import annotations

from saltern_lab import client
from saltern_lab.commands import arguments as reading
from saltern_lab.settings import Lab


def main(arguments: list[str]) -> int:
    """Kill PID 1 of a node with SIGKILL: a power failure. It stays down until lab/start or lab/up."""
    parser = reading.parser(
        "kill", "Kill PID 1 of a node with SIGKILL: a power failure. It stays down until lab/start or lab/up."
    )
    parser.add_argument("node", metavar="NODE")
    parsed = parser.parse_args(arguments)
    client.call(Lab.from_environment().socket, "kill", name=parsed.node)
    print(f"{parsed.node}: killed; lab/start {parsed.node} boots it again")
    return 0
