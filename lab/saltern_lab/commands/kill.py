"""`lab/kill NODE`."""

from __future__ import annotations

from saltern_lab import client, names
from saltern_lab.commands import arguments as reading
from saltern_lab.node import LabNode
from saltern_lab.settings import Lab


def main(arguments: list[str]) -> int:
    """Kill PID 1 of a node with SIGKILL: a power failure. It stays down until lab/start or lab/up."""
    parser = reading.parser(
        "kill", "Kill PID 1 of a node with SIGKILL: a power failure. It stays down until lab/start or lab/up."
    )
    parser.add_argument("node", metavar="NODE")
    parsed = parser.parse_args(arguments)
    lab = Lab.from_environment()
    ran = LabNode(lab, names.node(parsed.node)).leader() is not None
    client.call(lab.socket, "kill", name=parsed.node)
    print(f"{parsed.node}: {'killed' if ran else 'was down already'}; lab/start {parsed.node} boots it again")
    return 0
