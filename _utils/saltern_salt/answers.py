"""How a runner answers: text for people, data for ``--out=json``, an exit status for scripts, never a traceback."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import salt.exceptions

from saltern.errors import SalternError

P = ParamSpec("P")


class RunnerFailed(salt.exceptions.NotImplemented):
    """Ends a runner with its text and exit status 1.

    Salt prints every other exception of a runner with a traceback (``salt/client/mixins.py``, 3008.3).
    """


def wants_data(opts: dict[str, Any]) -> bool:
    """Whether the caller asked for data (``--out=json``, ``yaml``, …) rather than for text."""
    return opts.get("output") not in (None, "", "nested", "txt", "text")


def answer(opts: dict[str, Any], text: str, data: dict[str, Any], *, failed: bool = False) -> Any:
    """The runner's return value; exit status 1 when ``failed``."""
    if wants_data(opts):
        return {**data, "retcode": 1} if failed else data
    if failed:
        raise RunnerFailed(text)
    return text


def no_traceback(function: Callable[P, Any]) -> Callable[P, Any]:
    """Turns every error of Saltern's own into its text and exit status 1."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            return function(*args, **kwargs)
        except SalternError as error:
            raise RunnerFailed(str(error)) from error

    return wrapped
