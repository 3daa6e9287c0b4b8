"""Looks at the cluster from outside: what is claimed against what is seen."""

from __future__ import annotations

import time

from saltern.prove.claims import Claim, Report, Result
from saltern.prove.view import ClusterView

__all__ = ["Claim", "ClusterView", "Report", "Result", "run"]


def run(view: ClusterView) -> Report:
    """Look at everything at once and judge it, within about ten seconds also when nodes are down. Changes nothing."""
    from saltern.prove.judge_ports import port_claims
    from saltern.prove.judge_services import service_claims
    from saltern.prove.observations import gather

    began = time.monotonic()
    seen = gather(view)
    return Report((*service_claims(view, seen), *port_claims(view, seen)), time.monotonic() - began)
