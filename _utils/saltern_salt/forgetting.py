"""What `cluster.forget` asks of Salt and of the cloud."""

from __future__ import annotations

import sys
from typing import Any

from salt.exceptions import SaltCloudException

from saltern.bootstrap import forget as forgetting
from saltern.errors import SalternError
from saltern.names import is_node_id
from saltern.registry import Registry
from saltern_salt import building, session
from saltern_salt.answers import answer
from saltern_salt.keys import KeyStore
from saltern_salt.minions import Minions


class Outside:
    """The master's minions, their keys, and the cloud of the running project."""

    def __init__(self, opts: dict[str, Any]) -> None:
        self._minions, self._keys = Minions(opts), KeyStore(opts)
        self._cloud = building.open_cloud(session.definition(), Registry())

    def answers(self, node: str) -> bool:
        """Whether the node's minion answers."""
        return bool(self._minions.connected([node]))

    def has_machine(self, node: str) -> bool:
        """Whether the cloud has a machine of this name."""
        return node in building.machine_names(self._cloud)

    def destroy_machine(self, node: str) -> None:
        """Destroy the machine and its disk."""
        try:
            self._cloud.destroy([node])
        except SaltCloudException as error:
            cure = "destroy the machine by the cloud's own means, then run the same command again."
            raise SalternError(f"The cloud did not destroy its machine: {error}", node=node, cure=cure) from error

    def has_key(self, node: str) -> bool:
        """Whether the master has a key of this name, accepted or waiting."""
        return bool(self._keys.accepted(node) or self._keys.pending(node))

    def delete_key(self, node: str) -> None:
        """Delete the key, whether it is accepted or waits."""
        self._keys.delete(node)


def forget(opts: dict[str, Any], node: str, *, test: bool) -> Any:
    """Forget the node and say what was taken away."""
    if not is_node_id(node):
        raise SalternError(f"{node!r} can be no node's id.", cure="take the id from `salt-run cluster.status`.")
    with session.open_cluster(opts) as cluster:
        cluster.say = lambda text: print(text, file=sys.stderr, flush=True)
        done = forgetting.forget(cluster, Outside(opts), node, test=test)
    data = {"taken": list(done.taken), "gone": list(done.gone)}
    if not done.taken:
        return answer(opts, f"Nothing to do: nobody knows {node}.", data)
    if test:
        return answer(opts, f"{node} would be forgotten: {len(done.taken)} things are left of it.", data)
    text = f"{node} is forgotten. Replace it: salt-run cluster.build, then salt-run cluster.bootstrap."
    return answer(opts, text, data)
