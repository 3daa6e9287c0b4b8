"""A set-up of Debian's multirootca is taken over, written again, and issues under the same root as before."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509

from saltern.cfssl import auth
from saltern.cfssl.imported import exported, read
from saltern.clients.cfssl import Cfssl
from support_certificates import Root
from support_cfssl import csr_pem
from support_cfssl_door import free_port, listening
from support_services import Process

USAGES = ("signing", "server auth")


class OnDisk:
    """The set-up as it lies there."""

    def file(self, path: str) -> bytes | None:
        return Path(path).read_bytes() if Path(path).is_file() else None

    def variable(self, name: str) -> str | None:
        return os.environ.get(name)


def test_what_was_taken_over_and_written_again_issues_under_the_same_root(
    multirootca: int, directory: Path, tls: Root, tmp_path: Path
) -> None:
    (root,) = read(str(directory / "multirootca" / "roots.conf"), OnDisk(), USAGES)
    for name, data in exported([root], str(tmp_path)).items():
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_bytes(data)
    port, leaf = free_port(), tls.leaf("again", ["127.0.0.1"], ["localhost"])
    command = ["multirootca", "-a", f"127.0.0.1:{port}", "-roots", str(tmp_path / "roots.conf")]
    again = Process("again", tmp_path, [*command, "-tls-cert", str(leaf.certificate), "-tls-key", str(leaf.key)])
    again.start()
    try:
        listening(again, port)
        issued = [_issued(one, tls.ca_file, root.config.auth_keys["web"]) for one in (multirootca, port)]
    finally:
        again.stop()
    authority = x509.load_pem_x509_certificate(root.certificate.encode())
    for certificate in issued:
        certificate.verify_directly_issued_by(authority)
    lives = [one.not_valid_after_utc - one.not_valid_before_utc for one in issued]
    assert lives[0] == lives[1]


def _issued(port: int, ca_file: Path, key: str) -> x509.Certificate:
    client = Cfssl("127.0.0.1", str(ca_file), port=port)
    client.key = auth.key_of(key)
    pem = client.authsign(csr_pem("a.example.org"), label="primary", profile="web")
    return x509.load_pem_x509_certificate(pem.encode())
