"""`lab/daemon` is not for people: the daemon's own process, started by `lab/up`."""

from __future__ import annotations

from saltern_lab import daemon
from saltern_lab.settings import Lab


def main(arguments: list[str]) -> int:
    """Serve the lab that SALTERN_LAB names."""
    del arguments
    return daemon.serve(Lab.from_environment())
