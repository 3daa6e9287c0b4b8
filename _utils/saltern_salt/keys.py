"""The master's store of minion keys, by single ids only: no glob ever reaches Salt's functions from here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import salt.config
import salt.key

from saltern.enrolment import fingerprint
from saltern.errors import EnrolmentRefused
from saltern.names import is_node_id


class KeyStore:
    """Minion keys of the master that is configured beside ``opts["conf_file"]``.

    The master's own options are read again, because salt-cloud replaces its cachedir: with that one a deleted key
    would not renew the master's AES key, and the minion would keep its session.
    """

    def __init__(self, opts: dict[str, Any]) -> None:
        directory = Path(opts["conf_file"]).parent
        self._opts = salt.config.client_config(str(directory / "master"))

    def master_fingerprint(self) -> str:
        """The fingerprint that minions pin as ``master_finger``.

        :raises EnrolmentRefused: when the master has no key yet.
        """
        path = Path(self._opts["pki_dir"]) / "master.pub"
        try:
            return fingerprint(path.read_text(encoding="ascii"))
        except OSError as error:
            cure = "start the master: systemctl start salt-master"
            raise EnrolmentRefused(f"the master's public key cannot be read: {error}", cure=cure) from error

    def pending(self, node: str) -> str | None:
        """The public key that waits for acceptance."""
        return self._key(node, "pending")

    def accepted(self, node: str) -> str | None:
        """The public key that is accepted."""
        return self._key(node, "accepted")

    def accept(self, node: str) -> None:
        """Accepts the key that waits."""
        with salt.key.Key(self._opts) as key:
            key.accept(match_dict={key.PEND: [_checked(node)]})

    def delete(self, node: str) -> None:
        """Forgets the key of one id, waiting or accepted; its session ends with the master's AES key."""
        with salt.key.Key(self._opts) as key:
            key.delete_key(match_dict={key.ACC: [_checked(node)]})

    def _key(self, node: str, state: str) -> str | None:
        found = salt.key.Key(self._opts).cache.fetch("keys", _checked(node)) or {}
        return str(found["pub"]) if found.get("state") == state else None


def _checked(node: str) -> str:
    if not is_node_id(node):
        raise EnrolmentRefused(f"{node!r} can be no node's id", cure="use lower-case letters, digits and hyphens.")
    return node
