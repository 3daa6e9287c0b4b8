"""Certificate revocation lists: one per root, for clients that look at them; Consul, Vault and Nomad do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from saltern.errors import CertificateError
from saltern.pki import chain, issuers
from saltern.pki.inventory import Inventory, Revocation, serial_text
from saltern.pki.roots import Root

LIFETIME = 7 * 86400  # seconds until the next update is due; a new one is made long before, and at every revocation


def make(root: Root, inventory: Inventory, *, lifetime: int = LIFETIME, at: datetime | None = None) -> bytes:
    """The root's CRL as PEM, signed by what issues its leaves, with the next number.

    :param lifetime: seconds until its next update is due.
    :param at: the present; only tests give another.
    :raises CertificateError: when the inventory cannot be used.
    """
    at = at or chain.now()
    moment = int(at.timestamp())
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(root.certificate.subject)
        .last_update(at)
        .next_update(at + timedelta(seconds=lifetime))
        .add_extension(x509.CRLNumber(inventory.next_crl_number(root.name, moment)), critical=False)
        .add_extension(issuers.key_identifier(root.certificate), critical=False)
    )
    for one in inventory.unexpired_revocations(root.name, moment):
        builder = builder.add_revoked_certificate(_entry(one))
    return builder.sign(root.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def merge(pem: bytes, root: Root, inventory: Inventory) -> int:
    """Takes what a published CRL of ``root`` revokes into the inventory, after a restore of an older backup.

    :returns: how many revocations it names.
    :raises CertificateError: when it is no CRL that this root signed.
    """
    try:
        found = x509.load_pem_x509_crl(pem)
        number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        signed = found.is_signature_valid(root.key.public_key())
    except (*chain.UNREADABLE, TypeError) as error:
        raise CertificateError(f"The CRL cannot be read: {error}.", cure="give it as PEM.") from error
    if not signed:
        raise CertificateError(f"Root {root.name} did not sign this CRL.", cure="give the last CRL of this root.")
    inventory.merge_revocations([_revocation(one, root, inventory) for one in found], {root.name: number})
    return len(found)


def _entry(one: Revocation) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(int(one.serial, 16))
        .revocation_date(datetime.fromtimestamp(one.revoked_at, UTC))
    )
    if one.reason != "unspecified":  # RFC 5280 section 5.3.1: then the extension should be absent
        builder = builder.add_extension(x509.CRLReason(x509.ReasonFlags(one.reason)), critical=False)
    return builder.build()


def _revocation(one: x509.RevokedCertificate, root: Root, inventory: Inventory) -> Revocation:
    serial = serial_text(one.serial_number)
    known = inventory.find(serial)
    try:
        reason = one.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        reason = "unspecified"
    # A leaf that the backup does not know ends at the latest with its root.
    end = known.record.not_after if known else int(root.anchor.not_valid_after_utc.timestamp())
    return Revocation(serial, root.name, reason, "CRL", int(one.revocation_date_utc.timestamp()), end)
