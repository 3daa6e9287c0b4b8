"""What every cloud driver does at its edge: one kind of exception, and a plain word for a call of the wrong kind."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from salt.exceptions import SaltCloudSystemExit

from saltern.errors import SalternError

P = ParamSpec("P")
R = TypeVar("R")


def spares_siblings(function: Callable[P, R]) -> Callable[P, R]:
    """Errors of Saltern's own become the one exception that does not end the others of a parallel run."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except SalternError as error:
            raise SaltCloudSystemExit(str(error)) from error

    return wrapped


def function_only(call: str | None, name: str) -> None:
    """Refuses ``salt-cloud --action`` for what concerns all nodes."""
    if call == "action":
        raise SaltCloudSystemExit(f"{name} concerns all nodes. Cure: call it with -f or --function.")


def action_only(call: str | None, name: str) -> None:
    """Refuses ``salt-cloud --function`` for what concerns one node."""
    if call == "function":
        raise SaltCloudSystemExit(f"{name} concerns one node. Cure: call it with -a or --action and the node's name.")
