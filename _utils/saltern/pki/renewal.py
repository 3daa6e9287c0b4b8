"""Whether a certificate on a node is issued again, or its files are only put right: a pure decision, with reasons."""

from __future__ import annotations

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
    """``reissue``: why a new key and certificate are needed. ``repair``: what is wrong with owner and mode."""

    reissue: tuple[str, ...] = ()
    repair: tuple[str, ...] = ()


def decide(
    found: Found, spec: CertificateSpec, root: x509.Certificate, owner: tuple[int, int] | None, at: datetime
) -> Decision:
    """What a certificate needs at the time ``at``.

    It is issued again when it is missing or unreadable, its key is missing, unreadable, another's or was open to
    everybody, it comes from another root, its names or usages differ, or two thirds of its life are over.

    :param owner: numeric user and group that both files are to have; None while the user does not exist yet.
    """
    if found.certificate is None or found.key is None:
        absent = [what for what, one in (("key", found.key), ("certificate", found.certificate)) if one is None]
        return Decision(reissue=(f"{' and '.join(absent)} missing",))
    reasons = [*_key_reasons(found.key, found.certificate), *_certificate_reasons(found.certificate, spec, root, at)]
    if reasons:
        return Decision(reissue=tuple(reasons))
    repairs = _file_reasons("key", found.key, spec.key_mode, owner)
    return Decision(repair=(*repairs, *_file_reasons("certificate", found.certificate, CERTIFICATE_MODE, owner)))


def renew_after(certificate: x509.Certificate) -> datetime:
    """The moment from which the certificate is renewed: two thirds of its life."""
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return begin + (end - begin) * 2 / 3


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


def _certificate_reasons(file: FileFound, spec: CertificateSpec, root: x509.Certificate, at: datetime) -> list[str]:
    try:
        certificates = chain.parse(file.content, "the file")
    except CertificateError as error:
        return [str(error)]
    found = [*chain.problems(certificates, root, at), *leaf.differences(certificates[0], spec)]
    due = renew_after(certificates[0])
    if not found and at >= due:
        found.append(f"two thirds of its life were over at {due:%F %TZ}")
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
