"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from saltern.errors import LabError

INTERVAL = 0.05  # seconds between two looks


def until(condition: Callable[[], bool], what: str, patience: float, node: str = "") -> None:
    """Look until ``condition`` is true, at most ``patience`` seconds.

    :param what: what is waited for, as a clause ("the node is up").
    """
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"After {patience:.0f} s it is still not so that {what}.", node=node)
        time.sleep(INTERVAL)
