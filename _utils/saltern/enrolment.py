"""When the master may accept a minion's key: only the key that was read from the node itself, once, in time.

Pure decisions. Reading the key (console log, root file system) and the master's key store are the caller's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from saltern.errors import EnrolmentRefused

EXPIRY = 300  # seconds that a node has, from its creation, to make its key and show it to the master
MINIMUM_KEY_BITS = 2048
LONGEST_PEM = 4096  # characters; a 4096-bit key has about 800


class Decision(Enum):
    """What to do with what waits at the master."""

    WAIT = "the key has not arrived yet"
    ACCEPT = "the key that waits is the node's own"


@dataclass(frozen=True)
class Proof:
    """The public key of one node, read over a channel that no minion can write to.

    :param node: the only id that it may be accepted for.
    :param public_key: canonical PEM.
    :param expires: the moment, on the clock of the caller, after which it proves nothing.
    """

    node: str
    public_key: str
    expires: float


def proof(node: str, pem: str, expires: float) -> Proof:
    """The proof from what was read from the node.

    :raises EnrolmentRefused: when that is no RSA public key of a decent size.
    """
    return Proof(node, canonical(node, pem), expires)


def canonical(node: str, pem: str) -> str:
    """One PEM text for one RSA public key, whatever the line ends and the encoding were.

    :raises EnrolmentRefused: when it is no RSA public key of a decent size.
    """
    cure = "destroy the node and create it again."
    try:
        key = load_pem_public_key(pem.strip().encode("ascii")) if len(pem) <= LONGEST_PEM else None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey):
        raise EnrolmentRefused("the minion's public key is no RSA key in PEM", node=node, cure=cure)
    if key.key_size < MINIMUM_KEY_BITS:
        what = f"the minion's public key has {key.key_size} bits; {MINIMUM_KEY_BITS} are the least"
        raise EnrolmentRefused(what, node=node, cure=cure)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def fingerprint(public_key: str) -> str:
    """SHA-256 of a public key as a minion's ``salt-call --local key.finger`` prints it and ``master_finger`` wants it.

    The rule is Salt's (``salt.utils.crypt.pem_finger`` of a file): the hash of the lines between the first and the
    last, with their line ends. ``salt-key --finger`` of 3008.3 hashes the first and the last line too: it prints
    another value for the same key.
    """
    lines = [f"{line}\n" for line in public_key.splitlines() if line.strip()][1:-1]
    digest = hashlib.sha256("".join(lines).encode("ascii")).hexdigest()
    return ":".join(digest[index : index + 2] for index in range(0, len(digest), 2))


def decide(proved: Proof, *, pending: str | None, accepted: str | None, now: float) -> Decision:
    """Whether the master may accept what waits under the node's id.

    :param pending: the public key that waits for acceptance, None when none does.
    :param accepted: the public key that is accepted already, None when none is.
    :param now: on the same clock as ``proved.expires``.
    :raises EnrolmentRefused: when it must not be accepted, now or ever.
    """
    node = proved.node
    if accepted is not None:
        cure = "destroy the node of that key, or delete the key if there is no such node: salt-key -d " + node
        raise EnrolmentRefused("a key is accepted under this id already", node=node, cure=cure)
    if now > proved.expires:
        cure = "see the node's journal (salt-minion), then create it again."
        raise EnrolmentRefused("the node did not show its key to the master in time", node=node, cure=cure)
    if pending is None:
        return Decision.WAIT
    if not same_key(proved, pending):
        what = (
            f"the key that waits at the master is not the node's own. The node's has the fingerprint "
            f"{fingerprint(proved.public_key)}. Somebody else asks under this id; that key was left unaccepted"
        )
        cure = f"find out who sends it: salt-key --print {node}. Delete it with salt-key -d {node}."
        raise EnrolmentRefused(what, node=node, cure=cure)
    return Decision.ACCEPT


def same_key(proved: Proof, pem: str) -> bool:
    """Whether ``pem`` is the proved key."""
    try:
        return canonical(proved.node, pem) == proved.public_key
    except EnrolmentRefused:
        return False
