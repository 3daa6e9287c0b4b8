"""Runs on the support server: gives a certificate of a node another life, signed by its own root. PEM in, PEM out.

Usage: aged.py ROOT SECONDS-GONE SECONDS-LEFT <certificate
"""

from __future__ import annotations

import datetime
import sys

sys.path.insert(0, "/srv/saltern/_utils")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from saltern import paths
from saltern.clients import machine_key
from saltern.pki import roots


def main(name: str, gone: str, left: str) -> None:
    """Print the certificate with another serial and another life."""
    root = roots.load(name, passphrase=machine_key.credential(paths.CA_UNLOCK).encode())
    former = x509.load_pem_x509_certificate(sys.stdin.buffer.read())
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(former.subject)
        .issuer_name(root.certificate.subject)
        .public_key(former.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(seconds=float(gone)))
        .not_valid_after(now + datetime.timedelta(seconds=float(left)))
    )
    for extension in former.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    print(builder.sign(root.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(), end="")


if __name__ == "__main__":
    main(*sys.argv[1:4])
