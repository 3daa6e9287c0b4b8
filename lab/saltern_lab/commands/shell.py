"""`lab/shell NODE`: a shell in a node."""

from __future__ import annotations

from saltern_lab import inside, names
from saltern_lab.commands import arguments as reading
from saltern_lab.node import LabNode
from saltern_lab.settings import Lab


def main(arguments: list[str]) -> int:
    """A login shell on a terminal of the node's own."""
    parser = reading.parser("shell", "Open a root shell in a node.")
    parser.add_argument("node", metavar="NODE")
    parsed = parser.parse_args(arguments)
    node = LabNode(Lab.from_environment(), names.node(parsed.node))
    # script(1) makes a terminal inside the node: the caller's is none of the node's, and job control needs one
    return inside.execute(node, ["script", "--quiet", "--return", "--command", "/bin/bash --login", "/dev/null"])
