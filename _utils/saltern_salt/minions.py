"""Runs functions on named minions from a runner. What comes back is a hint: nothing of consequence is taken from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import salt.client
import salt.exceptions

from saltern.errors import StepFailed
from saltern.waiting import until


@dataclass(frozen=True)
class Highstate:
    """What a highstate did on one node."""

    changed: tuple[str, ...]
    failed: tuple[str, ...]


class Minions:
    """The cluster's nodes through Salt. Targets are always lists of ids from the registry.

    :param opts: the master's configuration.
    :param timeout: seconds after which Salt asks a silent node whether it still works.
    """

    def __init__(self, opts: dict[str, Any], timeout: int = 30) -> None:
        self._opts, self._timeout = opts, timeout

    def call(self, ids: list[str], function: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What ``function`` returned on each node.

        :raises StepFailed: naming every node that did not answer or where the function failed.
        """
        answers = self._publish(ids, function, args, kwargs)
        silent = [node for node in ids if node not in answers]
        if silent:
            raise StepFailed(
                f"No answer to {function}.",
                node=", ".join(silent),
                cure="check that the node runs and its salt-minion is connected: salt-run manage.status",
            )
        broken = {node: one["ret"] for node, one in answers.items() if one.get("retcode") and not _is_state(one["ret"])}
        if broken:
            text = "; ".join(f"{node}: {_first_line(value)}" for node, value in sorted(broken.items()))
            raise StepFailed(f"{function} failed: {text}", node=", ".join(sorted(broken)))
        return {node: one["ret"] for node, one in answers.items()}

    def facts(self, ids: list[str], function: str) -> dict[str, Any]:
        """Like :meth:`call`, but a silent or failing node is simply missing in the answer."""
        answers = self._publish(ids, function, (), {})
        return {node: one["ret"] for node, one in answers.items() if not one.get("retcode")}

    def connected(self, ids: list[str], seconds: int = 10) -> list[str]:
        """Those of ``ids`` that answer at all within ``seconds``."""
        return sorted(self._publish(ids, "test.ping", (), {}, timeout=seconds))

    def wait_until_connected(self, ids: list[str], seconds: float = 120) -> None:
        """Return when every node answers; a job that is published before a new minion listens is lost.

        :raises StepFailed: naming the nodes that stay silent.
        """
        silent = set(ids)

        def connected() -> bool:
            silent.difference_update(self.connected(sorted(silent), 3))
            return not silent

        try:
            until(connected, "the nodes' minions", seconds=seconds)
        except StepFailed as error:
            cure = "journalctl -u salt-minion on it; then run the same command again"
            raise StepFailed("Its minion does not answer.", node=", ".join(sorted(silent)), cure=cure) from error

    def highstate(self, ids: list[str], *, test: bool = False) -> dict[str, Highstate]:
        """Apply (or with ``test`` only preview) the highstate on every node at once."""
        results = self.call(ids, "state.highstate", **({"test": True} if test else {}))
        return {node: _summary(node, value) for node, value in results.items()}

    def _publish(
        self, ids: list[str], function: str, args: tuple[Any, ...], kwargs: dict[str, Any], timeout: int = 0
    ) -> dict[str, Any]:
        if not ids:
            return {}
        opts = {**self._opts, "gather_job_timeout": timeout} if timeout else self._opts
        options = {"tgt_type": "list", "timeout": timeout or self._timeout, "full_return": True}
        try:
            with salt.client.get_local_client(mopts=opts) as client:
                answers = client.cmd(ids, function, arg=args, kwarg=kwargs, **options)
        except salt.exceptions.SaltException as error:
            raise StepFailed(
                f"The master did not take {function}: {error}", cure="journalctl -u salt-master"
            ) from error
        return {node: one for node, one in answers.items() if isinstance(one, dict) and one.get("out") != "no_return"}


def _is_state(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(one, dict) for one in value.values())


def _summary(node: str, value: Any) -> Highstate:
    if not _is_state(value):  # a list or a text: the states did not even compile
        text = "; ".join(value) if isinstance(value, list) else str(value)
        raise StepFailed(f"Its states do not compile: {text}", node=node, cure="salt-call state.show_highstate there")
    changed = tuple(one.get("__id__", key) for key, one in value.items() if one.get("changes") or one["result"] is None)
    failed = tuple(
        f"{one.get('__id__', key)}: {_first_line(one.get('comment'))}"
        for key, one in value.items()
        if one["result"] is False and "requisite" not in str(one.get("comment", ""))
    )
    if not failed and any(one["result"] is False for one in value.values()):
        failed = ("states failed through their requisites",)
    return Highstate(changed, failed)


def _first_line(value: Any) -> str:
    return str(value).strip().splitlines()[-1][:500] if str(value).strip() else "no text"
