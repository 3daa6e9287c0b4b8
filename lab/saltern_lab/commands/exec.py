"""`lab/exec NODE -- COMMAND`: run a command as root in a node."""

from __future__ import annotations

from saltern_lab import inside, names
from saltern_lab.commands import arguments as reading
from saltern_lab.node import LabNode
from saltern_lab.settings import Lab


def main(arguments: list[str]) -> int:
    """Standard input and output are the caller's; the exit status is the command's."""
    node, command = reading.node_and_command(
        "exec",
        "Run a command as root in a node, under the node's limits.",
        arguments,
        "Standard input is passed on, the exit status is the command's.\nExample: lab/exec support -- salt-key -L",
    )
    return inside.execute(LabNode(Lab.from_environment(), names.node(node)), command)
