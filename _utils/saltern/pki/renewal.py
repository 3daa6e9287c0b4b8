"""Whether a certificate on a node is issued again, or its files are only put right: a pure decision, with reasons."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from saltern.errors import CertificateError
from saltern.pki import chain, leaf
from saltern.pki.entitlements import CERTIFICATE_MODE, CertificateSpec

OTHERS = 0o007  # permission bits of everybody
LATEST, SPREAD = 2 / 3, 1 / 20  # of a life: the latest moment of renewal, and how much earlier nodes differ


@dataclass(frozen=True)
class FileFound:
    """A file as it lies there."""

    content: bytes
    mode: int
    owner: tuple[int, int]

    def __repr__(self) -> str:
        return f"FileFound({self.mode:04o}, {self.owner})"


@dataclass(frozen=True)
class Found:
    """The two files of a certificate, None where there is none."""

    key: FileFound | None
    certificate: FileFound | None


@dataclass(frozen=True)
class Decision:
    """``reissue``: why a new key and certificate are needed. ``repair``: what is wrong with owner and mode.

    :param kind: in a word: ``expiring``, ``wrong-root``, ``invalid``, ``access`` (owner or mode), or nothing.
    """

    reissue: tuple[str, ...] = ()
    repair: tuple[str, ...] = ()
    kind: str = ""


def decide(
    found: Found,
    spec: CertificateSpec,
    trusted: Sequence[x509.Certificate],
    owner: tuple[int, int] | None,
    at: datetime,
) -> Decision:
    """What a certificate needs at the time ``at``.

    It is issued again when it is missing or unreadable, its key is missing, unreadable, another's or was open to
    everybody, it comes from another root or from one that is being replaced, its names or usages differ, or two
    thirds of its life are over.

    :param trusted: the certificates of its root that are trusted; the first is the one that issues.
    :param owner: numeric user and group that both files are to have; None while the user does not exist yet.
    """
    if found.certificate is None or found.key is None:
        absent = [what for what, one in (("key", found.key), ("certificate", found.certificate)) if one is None]
        return Decision(reissue=(f"{' and '.join(absent)} missing",), kind="invalid")
    reasons = [*_key_reasons(found.key, found.certificate), *_certificate_reasons(found.certificate, spec, trusted, at)]
    if reasons:
        return Decision(reissue=tuple(reasons), kind=_kind(found.certificate, trusted))
    due = _due(chain.parse(found.certificate.content, "the file")[0], spec.common_name, at)
    if due:
        return Decision(reissue=due, kind="expiring")
    repairs = _file_reasons("key", found.key, spec.key_mode, owner)
    repairs += _file_reasons("certificate", found.certificate, CERTIFICATE_MODE, owner)
    return Decision(repair=tuple(repairs), kind="access" if repairs else "")


def renew_after(certificate: x509.Certificate, node: str) -> datetime:
    """The moment from which the certificate is renewed: two thirds of its life, or up to a twentieth of it earlier.

    How much earlier is fixed by the node's id, so that nodes that were built together do not renew together.
    """
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    share = int.from_bytes(hashlib.sha256(node.encode()).digest()[:4], "big") / 2**32
    return begin + (end - begin) * (LATEST - SPREAD * share)


def _due(certificate: x509.Certificate, node: str, at: datetime) -> tuple[str, ...]:
    due = renew_after(certificate, node)
    return (f"it was to be renewed from {due:%F %TZ} on, after two thirds of its life",) if at >= due else ()


def _kind(file: FileFound, trusted: Sequence[x509.Certificate]) -> str:
    """Why a file is no good, in a word: not this root's, or anything else."""
    try:
        certificates = chain.parse(file.content, "the file")
    except CertificateError:
        return "invalid"
    return "invalid" if any(chain.issued_by(certificates[-1], root) for root in trusted) else "wrong-root"


def _key_reasons(key: FileFound, certificate: FileFound) -> list[str]:
    if key.mode & OTHERS:
        return [f"everybody could read the key (mode {key.mode:04o})"]
    try:
        private = load_pem_private_key(key.content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return ["the key cannot be read"]
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        return ["the key is no elliptic-curve key"]
    try:
        held = chain.holds(chain.parse(certificate.content, "it")[0], private.public_key())
    except CertificateError:
        return []  # told once, by the certificate's own reasons
    return [] if held else ["the key belongs to another certificate"]


def _certificate_reasons(
    file: FileFound, spec: CertificateSpec, trusted: Sequence[x509.Certificate], at: datetime
) -> list[str]:
    try:
        certificates = chain.parse(file.content, "the file")
    except CertificateError as error:
        return [str(error)]
    found = [*chain.problems(certificates, trusted, at), *leaf.differences(certificates[0], spec)]
    if not found and chain.problems(certificates, trusted[:1], at):
        found.append("its root is being replaced")
    return found


def _file_reasons(what: str, file: FileFound, mode: int, owner: tuple[int, int] | None) -> list[str]:
    found = []
    if file.mode != mode:
        found.append(f"mode of the {what} is {file.mode:04o}, not {mode:04o}")
    if file.owner != owner:
        # Numbers, because a wrong owner may have no name.
        wanted = "one that does not exist yet" if owner is None else f"{owner[0]}:{owner[1]}"
        found.append(f"owner of the {what} is {file.owner[0]}:{file.owner[1]}, not {wanted}")
    return found
