"""Accepting the key of a node that was just created, and forgetting it again. For every cloud driver."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from saltern import enrolment, waiting
from saltern.enrolment import Decision, Proof
from saltern.errors import EnrolmentRefused, SalternError
from saltern_salt.keys import KeyStore

T = TypeVar("T")

_GRACE = 5.0  # seconds after the expiry; the conditions themselves notice it, with a better text


class Enrolment:
    """The enrolment of one node; remembers what it accepted, so that it takes back only that.

    :param keys: the master's key store.
    :param node: the node's id.
    :param read_key: reads the minion's public key from the node over the provider's own channel; empty while none.
    :param seconds: how long the node may take, counted from ``run``.
    """

    def __init__(self, keys: KeyStore, node: str, read_key: Callable[[], str], seconds: float) -> None:
        self._keys, self._node, self._read_key = keys, node, read_key
        self._seconds, self._expires = seconds, 0.0
        self._proof: Proof | None = None

    def refuse_known(self) -> None:
        """Before anything is created: nothing may wait or be accepted under the id of a node that is not there yet.

        :raises EnrolmentRefused: when something is.
        """
        for state, key in (("accepted", self._keys.accepted(self._node)), ("waiting", self._keys.pending(self._node))):
            if key is not None:
                what = f"a key is {state} under this id, but the node does not exist yet; nothing was created"
                cure = f"if nobody needs it: salt-key -d {self._node}; otherwise use another id."
                raise EnrolmentRefused(what, node=self._node, cure=cure)

    def is_accepted(self) -> bool:
        """Whether the node's own key is accepted already."""
        self.look()
        accepted = self._keys.accepted(self._node)
        return accepted is not None and self._proof is not None and enrolment.same_key(self._proof, accepted)

    def run(self) -> str:
        """Waits for the node's key at both ends and accepts it. Returns its fingerprint.

        :raises EnrolmentRefused: when another key waits under this id, or time runs out.
        """
        self._expires = time.monotonic() + self._seconds
        proof = self._wait(self._seen_proof, "the minion's key in the node")
        self._wait(lambda: self._decision(proof), "the minion's key at the master")
        self._keys.accept(self._node)
        accepted = self._keys.accepted(self._node)
        if accepted is None or not enrolment.same_key(proof, accepted):
            # Somebody exchanged it between the look and the acceptance.
            self._keys.delete(self._node)
            what = "another key than the proved one was accepted; it was deleted at once"
            raise EnrolmentRefused(what, node=self._node, cure="find out who else changes keys on this master.")
        return enrolment.fingerprint(proof.public_key)

    def look(self) -> None:
        """Reads the node's key if it was not read yet, so that ``take_back`` knows it after the node is gone."""
        if self._proof is None and (pem := self._read_key()):
            try:
                self._proof = enrolment.proof(self._node, pem, self._expires)
            except EnrolmentRefused:
                return  # no key: then nothing at the master can be it

    def take_back(self) -> None:
        """Deletes the node's own key, waiting or accepted. A key that is not the node's stays as it is."""
        for key in (self._keys.accepted(self._node), self._keys.pending(self._node)):
            if key is not None and self._proof is not None and enrolment.same_key(self._proof, key):
                self._keys.delete(self._node)

    def _wait(self, condition: Callable[[], T | SalternError | None], what: str) -> T:
        """The condition's value; an error that it gives back ends the wait, unlike one that it raises."""
        found = waiting.until(condition, what, seconds=self._seconds + _GRACE)
        if isinstance(found, SalternError):
            raise found
        assert found is not None  # noqa: S101 - `until` returns only what is true
        return found

    def _seen_proof(self) -> Proof | SalternError | None:
        try:
            if pem := self._read_key():
                self._proof = enrolment.proof(self._node, pem, self._expires)
                return self._proof
        except SalternError as error:
            return error
        if time.monotonic() > self._expires:
            cure = "see the node's journal: journalctl -u salt-minion. Then create it again."
            return EnrolmentRefused("the minion made no key in time", node=self._node, cure=cure)
        return None

    def _decision(self, proof: Proof) -> Decision | SalternError | None:
        pending, accepted = self._keys.pending(self._node), self._keys.accepted(self._node)
        try:
            decision = enrolment.decide(proof, pending=pending, accepted=accepted, now=time.monotonic())
        except EnrolmentRefused as refused:
            return refused
        return None if decision is Decision.WAIT else decision
