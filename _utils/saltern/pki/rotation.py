"""Rotation of a root, renewal of its certificate, and its intermediate. Each step may be killed and repeated.

A rotation goes ``make_next`` -> ``trust_next`` -> ``switch`` -> ``distrust_old``. What is to hold among the members
between two steps (trusted everywhere, every leaf reissued) is proved by who calls them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from cryptography import x509

from saltern import files, paths
from saltern.errors import CertificateError
from saltern.pki import issuers, keys, roots
from saltern.pki.keys import PrivateKey
from saltern.pki.root_files import RootFiles
from saltern.pki.roots import Root


class Phase(Enum):
    """How far the rotation of a root is."""

    STEADY = "steady"
    MADE = "next root made"
    TRUSTED = "next root trusted"
    SWITCHED = "next root issues, old root still trusted"


@dataclass(frozen=True)
class State:
    """A root as it lies there.

    :param issuer: the self-signed certificate under which leaves are issued now.
    :param intermediate: the intermediate that issues in its place, if any.
    :param trusted: what members are to trust, the issuer first.
    :param following: the root that is being rotated in; ``previous``: the one that was replaced and is not yet gone.
    :param offline: whether the root's own key is elsewhere.
    """

    phase: Phase
    issuer: x509.Certificate
    intermediate: x509.Certificate | None
    trusted: tuple[x509.Certificate, ...]
    following: x509.Certificate | None
    previous: x509.Certificate | None
    offline: bool


def state(name: str, directory: str | Path = paths.CA_ROOTS) -> State:
    """In which phase a root is. Needs no key.

    :raises CertificateError: when the root does not exist or cannot be read.
    """
    issuer, root_files = roots.certificate_of(name, directory), RootFiles(directory, name)
    number, current = root_files.number(), root_files.current
    following, previous = (_certificate(name, root_files, other) for other in (number + 1, number - 1))
    trusted = tuple(roots.trusted(name, directory))
    phase = Phase.STEADY
    if root_files.generation(number - 1).path.exists():
        phase = Phase.SWITCHED
    elif following:
        phase = Phase.TRUSTED if following in trusted else Phase.MADE
    intermediate = roots.read_certificate(current.intermediate, name) if current.intermediate.exists() else None
    return State(phase, issuer, intermediate, trusted, following, previous, not current.key.exists())


def make_next(
    name: str, directory: str | Path = paths.CA_ROOTS, *, passphrase: bytes, lifetime: int
) -> x509.Certificate:
    """Makes the root that will replace this one, with an intermediate where this one has one; nobody trusts it yet.

    :param lifetime: of the new root, in seconds.
    :returns: its certificate.
    :raises CertificateError: when the last rotation is not at its end.
    """
    root_files = RootFiles(directory, name)
    with root_files.locked():
        now = state(name, directory)
        if now.phase is Phase.SWITCHED:
            raise _out_of_order(name, now, "distrust the old root first")
        if now.following is None:
            key = keys.make()
            certificate = issuers.self_signed(issuers.next_name(issuers.common_name(now.issuer)), lifetime, key)
            contents = _contents(certificate, key, passphrase, intermediate=now.intermediate is not None)
            root_files.make(root_files.number() + 1, contents)
        return roots.load_generation(name, root_files.generation(root_files.number() + 1), passphrase).anchor


def trust_next(name: str, directory: str | Path = paths.CA_ROOTS) -> None:
    """Members are to trust the next root beside this one.

    :raises CertificateError: when there is no next root.
    """
    root_files = RootFiles(directory, name)
    with root_files.locked():
        now = state(name, directory)
        if now.phase is Phase.STEADY:
            raise _out_of_order(name, now, "make the next root first")
        if now.following:
            root_files.write_trust(issuers.pem(now.issuer, now.following))


def switch(name: str, directory: str | Path = paths.CA_ROOTS, *, passphrase: bytes) -> None:
    """From now on the next root issues. The old one stays trusted, and keeps its key for its last CRLs.

    :raises CertificateError: when the next root is not trusted yet, or its key does not open.
    """
    root_files = RootFiles(directory, name)
    with root_files.locked():
        now = state(name, directory)
        if now.phase in {Phase.STEADY, Phase.MADE}:
            raise _out_of_order(name, now, "make the next root and have it trusted first")
        _switch(name, root_files, now, directory, passphrase)


def distrust_old(name: str, directory: str | Path = paths.CA_ROOTS) -> None:
    """Members are to trust the issuing root alone; then the old root's key is destroyed.

    :raises CertificateError: when the next root does not issue yet.
    """
    root_files = RootFiles(directory, name)
    with root_files.locked():
        now = state(name, directory)
        if now.phase in {Phase.MADE, Phase.TRUSTED}:
            raise _out_of_order(name, now, "switch to the next root first")
        root_files.write_trust(issuers.pem(now.issuer))
        if now.phase is Phase.SWITCHED:
            root_files.destroy(root_files.number() - 1)


def renew_root(
    name: str,
    directory: str | Path = paths.CA_ROOTS,
    *,
    passphrase: bytes,
    lifetime: int,
    root_key_file: str | Path | None = None,
) -> x509.Certificate:
    """A new certificate for the same key and name: it issues at once, and leaves of before verify under both.

    Afterwards the root is as after :func:`switch`: both certificates are trusted until :func:`distrust_old`.

    :param lifetime: of the new certificate, in seconds from now.
    :param root_key_file: the root's key where it is kept offline.
    :raises CertificateError: when a rotation to another key is under way, or the root's key is not there.
    """
    root_files = RootFiles(directory, name)
    with root_files.locked():
        now = state(name, directory)
        other = now.following or now.previous
        if other and other.public_key() != now.issuer.public_key():
            raise _out_of_order(name, now, "finish that rotation first")
        if now.phase is Phase.STEADY:
            key = _root_key(name, root_files, now, passphrase, root_key_file)
            certificate = issuers.self_signed(issuers.common_name(now.issuer), lifetime, key)
            contents = _contents(certificate, key, passphrase, intermediate=now.intermediate is not None)
            if now.offline:
                del contents["ca-key.pem"]
            root_files.make(root_files.number() + 1, contents)
            now = state(name, directory)
        if now.following:
            root_files.write_trust(issuers.pem(now.issuer, now.following))
        _switch(name, root_files, state(name, directory), directory, passphrase)
        return roots.certificate_of(name, directory)


def make_intermediate(
    name: str,
    directory: str | Path = paths.CA_ROOTS,
    *,
    passphrase: bytes,
    root_key_file: str | Path | None = None,
) -> x509.Certificate:
    """Makes the intermediate that issues from now on; the root's own key may then be moved away.

    :param root_key_file: the root's key on removable media, encrypted by the same unlock key; by default its own.
    :returns: the intermediate's certificate; the one that exists already is kept.
    :raises CertificateError: when the root's key is not there or is another's.
    """
    root_files = RootFiles(directory, name)
    with root_files.locked():
        now = state(name, directory)
        if now.intermediate:
            return roots.load(name, directory, passphrase).certificate
        root_key = _root_key(name, root_files, now, passphrase, root_key_file)
        path = root_files.current.intermediate_key
        files.create(root_files.wanted(path, keys.sealed(keys.make(), passphrase)))  # a killed run's is kept
        key = keys.load(path, f"the intermediate of root {name}", passphrase)
        certificate = issuers.intermediate(now.issuer, root_key, key)
        files.create(root_files.wanted(root_files.current.intermediate, issuers.pem(certificate)))
        return certificate


def load_previous(name: str, directory: str | Path = paths.CA_ROOTS, *, passphrase: bytes) -> Root | None:
    """The root that was replaced, as long as it is trusted: it still signs CRLs for what it issued."""
    root_files = RootFiles(directory, name)
    generation = root_files.generation(root_files.number() - 1)
    return roots.load_generation(name, generation, passphrase) if generation.certificate.exists() else None


def _contents(
    certificate: x509.Certificate, key: PrivateKey, passphrase: bytes, *, intermediate: bool
) -> dict[str, bytes]:
    """The files of a new generation."""
    contents = {"ca-key.pem": keys.sealed(key, passphrase), "ca.pem": issuers.pem(certificate)}
    if intermediate:
        own = keys.make()
        contents["intermediate-key.pem"] = keys.sealed(own, passphrase)
        contents["intermediate.pem"] = issuers.pem(issuers.intermediate(certificate, key, own))
    return contents


def _switch(name: str, root_files: RootFiles, now: State, directory: str | Path, passphrase: bytes) -> None:
    if now.following:
        roots.load_generation(name, root_files.generation(root_files.number() + 1), passphrase)
        root_files.switch(root_files.number() + 1)
    issuer = roots.certificate_of(name, directory)
    root_files.write_trust(issuers.pem(issuer, *(one for one in now.trusted if one != issuer)))


def _root_key(
    name: str, root_files: RootFiles, now: State, passphrase: bytes, root_key_file: str | Path | None
) -> PrivateKey:
    key = keys.load(Path(root_key_file or root_files.current.key), f"root {name}", passphrase)
    if key.public_key() != now.issuer.public_key():
        cure = "give the key file that belongs to `salt-run ca.roots`."
        raise CertificateError(f"The given key is not that of root {name}.", cure=cure)
    return key


def _certificate(name: str, root_files: RootFiles, number: int) -> x509.Certificate | None:
    path = root_files.generation(number).certificate
    return roots.read_certificate(path, name) if path.exists() else None


def _out_of_order(name: str, now: State, cure: str) -> CertificateError:
    return CertificateError(f"Root {name} is in phase `{now.phase.value}`.", cure=f"{cure}; nothing was changed.")
