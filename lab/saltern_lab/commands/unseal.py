"""`lab/unseal`: the operators of the lab open the Vault that waits for them."""

from __future__ import annotations

from saltern_lab import bring_up, operators
from saltern_lab.commands import arguments as reading
from saltern_lab.node import LabNode
from saltern_lab.settings import SUPPORT, Lab


def main(arguments: list[str]) -> int:
    """Decrypt enough shares and give them to `salt-run cluster.unseal` on standard input."""
    parser = reading.parser(
        "unseal",
        "Play the operators: give their shares to the Vault that waits for them.",
        "The transit Vault waits after every restart; with `seal: shamir` every Vault does.",
    )
    parser.parse_args(arguments)
    lab = Lab.from_environment()
    print(operators.unseal(LabNode(lab, SUPPORT), bring_up.threshold(lab)), end="")
    return 0
