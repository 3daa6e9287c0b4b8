"""Takes over a ``multirootca`` set-up as it is, and writes one: ``roots.conf``, ``cfssl.json``, keys, certificates."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from saltern.cfssl import roots_conf, signing_config
from saltern.cfssl.signing_config import Reader, SigningConfig, Sources
from saltern.errors import Problem, Problems

_SETTINGS = {"private", "certificate", "config", "nets"}
_LEAST_RSA_BITS = 2048
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Network = IPv4Network | IPv6Network


@dataclass(frozen=True)
class ImportedRoot:
    """A root, who may use it and for what; ``key`` is unencrypted PKCS #8 (PEM). No ``networks``: from everywhere."""

    label: str
    certificate: str
    key: bytes = field(repr=False)
    networks: tuple[Network, ...]
    config: SigningConfig


def read(file: str, sources: Sources, usages: Collection[str]) -> tuple[ImportedRoot, ...]:
    """The roots of the set-up whose ``roots.conf`` is ``file``. Its relative paths are left to ``sources``.

    :param usages: the usages that Saltern's profiles may have.
    :raises Problems: with everything that is wrong, or is no feature of Saltern; then nothing is to be taken over.
    """
    problems: list[Problem] = []
    data = sources.file(file)
    if data is None:
        raise Problems("There is nothing to take over.", [_missing(file, file)])
    found = roots_conf.sections(data.decode("utf-8", "replace"), file, problems)
    roots = [_Root(label, file, sources, problems).read(settings, usages) for label, settings in found.items()]
    if problems:
        raise Problems("This set-up of cfssl cannot be taken over; nothing was changed.", problems)
    return tuple(root for root in roots if root is not None)


def exported(roots: Collection[ImportedRoot], directory: str) -> dict[str, bytes]:
    """File name -> content of a set-up with which ``multirootca -roots <directory>/roots.conf`` issues the same.

    One ``cfssl.json`` where every root has the same profiles and keys, else one for each. The keys are not encrypted:
    ``multirootca`` opens no others.
    """
    texts = {root.label: signing_config.written(root.config) for root in roots}
    shared = len(set(texts.values())) == 1
    files: dict[str, bytes] = {}
    sections: dict[str, Mapping[str, str]] = {}
    for root in roots:
        config = "cfssl.json" if shared else f"{root.label}.json"
        files[config] = texts[root.label].encode()
        files[f"{root.label}.pem"] = root.certificate.encode()
        files[f"{root.label}-key.pem"] = root.key
        settings = {
            "private": f"file://{directory}/{root.label}-key.pem",
            "certificate": f"{directory}/{root.label}.pem",
            "config": f"{directory}/{config}",
            "nets": ",".join(str(network) for network in root.networks),
        }
        sections[root.label] = {name: value for name, value in settings.items() if value}
    return {"roots.conf": roots_conf.written(sections).encode(), **files}


class _Root:
    """Reads what one section of ``roots.conf`` names."""

    def __init__(self, label: str, file: str, sources: Sources, problems: list[Problem]) -> None:
        self.label, self.where, self.sources, self.problems = label, f"{file}: [{label}]", sources, problems

    def read(self, settings: Mapping[str, str], usages: Collection[str]) -> ImportedRoot | None:
        for name in settings:
            if name == "dbconfig":
                cure = "revoke there what is to be revoked, then take the line away."
                self._wrong(name, "names a database; its certificates are not taken over", cure)
            elif name not in _SETTINGS:
                self._wrong(name, "is a feature of cfssl that is not taken over", "take it away, if nobody needs it.")
        for name in ("private", "certificate", "config"):
            if not settings.get(name):
                self._wrong(name, "is missing", f"add `{name} = …`.")
        key = self._key(settings.get("private", ""))
        certificate = self._certificate(settings.get("certificate", ""))
        networks = self._networks(settings.get("nets", ""))
        config = self._config(settings.get("config", ""), usages)
        if key is None or certificate is None or config is None:
            return None
        if certificate.public_key() != key.public_key():
            self._wrong("private", "does not belong to the certificate", "name the key that does.")
        pem = serialization.Encoding.PEM
        plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return ImportedRoot(self.label, certificate.public_bytes(pem).decode(), plain, networks, config)

    def _key(self, spec: str) -> Key | None:
        if not spec:
            return None
        try:
            url = urlsplit(spec)
        except ValueError:
            url = urlsplit("")
        if url.scheme != "file":
            self._wrong("private", "is no file:// key", "export the key to a file; Red October is not taken over.")
            return None
        # As in cfssl: of a relative path, the first folder stands where a URL has its host.
        data = self._file("private", posixpath.normpath(url.netloc + url.path))
        if data is None:
            return None
        try:
            load = serialization.load_pem_private_key
            key = (load if b"-----BEGIN" in data else serialization.load_der_private_key)(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            self._wrong("private", "holds no private key, or an encrypted one", "decrypt it: openssl pkcs8 -topk8.")
            return None
        if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size >= 256:
            return key
        if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _LEAST_RSA_BITS:
            return key
        self._wrong("private", "is neither ECDSA from P-256 on nor RSA from 2048 bits on", "make a new root.")
        return None

    def _certificate(self, path: str) -> x509.Certificate | None:
        data = self._file("certificate", path) if path else None
        if data is None:
            return None
        try:
            found = x509.load_pem_x509_certificate(data)
            authority = found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except (ValueError, x509.ExtensionNotFound, UnsupportedAlgorithm):
            self._wrong("certificate", "is no PEM certificate of an authority", "name the root's certificate.")
            return None
        if not authority:
            self._wrong("certificate", "belongs to no authority (CA:FALSE)", "name the root's certificate.")
        if found.not_valid_after_utc <= datetime.now(UTC):
            self._wrong("certificate", f"ended on {found.not_valid_after_utc:%Y-%m-%d}", "make a new root.")
        return found

    def _config(self, path: str, usages: Collection[str]) -> SigningConfig | None:
        data = self._file("config", path) if path else None
        return None if data is None else Reader(path, self.sources, usages, self.problems).read(data)

    def _networks(self, text: str) -> tuple[Network, ...]:
        found: list[Network] = []
        for part in (part.strip() for part in text.split(",") if text):
            try:
                if "/" not in part:
                    raise ValueError
                found.append(ip_network(part, strict=False))
            except ValueError:
                self._wrong("nets", f"`{part}` is no network", "write networks as in `192.0.2.0/24,2001:db8::/32`.")
        return tuple(found)

    def _file(self, name: str, path: str) -> bytes | None:
        data = self.sources.file(path)
        if data is None:
            self.problems.append(_missing(f"{self.where} {name}", path))
        return data

    def _wrong(self, name: str, what: str, cure: str) -> None:
        self.problems.append(Problem(what, where=f"{self.where} {name}", cure=cure))


def _missing(where: str, path: str) -> Problem:
    return Problem(f"{path} does not exist or cannot be read", where=where, cure="give the right path.")
