"""`lab/start NODE`."""

from __future__ import annotations

from saltern_lab import client, names
from saltern_lab.commands import arguments as reading
from saltern_lab.node import LabNode
from saltern_lab.settings import SUPPORT, Lab


def main(arguments: list[str]) -> int:
    """Boot a node that is down."""
    parser = reading.parser("start", "Boot a node that is down.")
    parser.add_argument("node", metavar="NODE")
    parsed = parser.parse_args(arguments)
    lab = Lab.from_environment()
    ran = LabNode(lab, names.node(parsed.node)).leader() is not None
    client.call(lab.socket, "start", name=parsed.node)
    print(f"{parsed.node}: {'ran already' if ran else 'runs'}")
    if parsed.node == SUPPORT and not ran:
        print("With a transit seal its Vault waits for the operators: lab/unseal")
    return 0
