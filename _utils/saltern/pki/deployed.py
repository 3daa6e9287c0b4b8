"""Certificates as they lie on a node: what they need, and how they get there. Runs on the node, without Salt."""

from __future__ import annotations

import fcntl
import grp
import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from saltern import files, paths
from saltern.errors import CertificateError
from saltern.files import Wanted
from saltern.pki import chain, csr, leaf, renewal
from saltern.pki.entitlements import CERTIFICATE_MODE, CertificateSpec
from saltern.pki.renewal import Decision, FileFound, Found

CA_FILES = {"ca-key.pem", "ca.pem"}  # on the support server: links to the root of the application's name


@dataclass(frozen=True)
class Pending:
    """A certificate that was asked for: its key is on no disk until the answer is verified."""

    spec: CertificateSpec
    key: ec.EllipticCurvePrivateKey
    request: dict[str, str]

    def __repr__(self) -> str:
        return f"Pending({self.spec.label})"


class Deployed:
    """The certificates of one node below ``directory``, which is an attribute too.

    :param trust: root name -> PEM of its certificates: one, or two while it is rotated, the one that issues first.
    """

    def __init__(self, trust: Mapping[str, str], directory: str | Path = paths.SSL) -> None:
        self._trust, self.directory = trust, Path(directory)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one process at a time changes certificates of this node."""
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def decide(self, spec: CertificateSpec) -> Decision:
        """What the certificate needs now.

        :raises CertificateError: when its root is not among the trusted ones.
        """
        certificate, key = self._paths(spec)
        return renewal.decide(
            Found(_found(key), _found(certificate)), spec, self.trusted(spec.root), _owner(spec), chain.now()
        )

    def wrong_trust(self, specs: tuple[CertificateSpec, ...]) -> dict[str, str]:
        """Trust files that are missing or differ: path -> reason."""
        wrong = {}
        for path, (pem, spec) in self._trust_files(specs).items():
            found, owner = _found(path), _owner(spec)
            if found is None:
                wrong[str(path)] = "missing"
            elif found.content != pem:
                wrong[str(path)] = "another content"
            elif found.mode != CERTIFICATE_MODE or found.owner != owner:
                wrong[str(path)] = "another owner or mode"
        return wrong

    def trusted(self, name: str) -> list[x509.Certificate]:
        """The certificates of a root that are trusted, the one that issues first.

        :raises CertificateError: when there is none.
        """
        if name not in self._trust:
            raise CertificateError(
                f"The pillar holds no trusted certificate of root {name}.",
                cure="run `salt-run ca.init` on the support server, then saltutil.refresh_pillar.",
            )
        return chain.parse(self._trust[name], f"Root {name} in the pillar")

    def pending(self, spec: CertificateSpec) -> Pending:
        """A new key and the request for it."""
        key = csr.make_key()
        request = {"application": spec.application, "name": spec.name, "profile": spec.profile}
        return Pending(spec, key, {**request, "csr": csr.make(key, spec)})

    def install(self, answered: list[tuple[Pending, str]]) -> dict[str, x509.Certificate]:
        """Verifies every answer, and only then puts any of them in place: label -> leaf.

        :raises CertificateError: naming what is wrong with an answer; then nothing was changed.
        """
        verified = [(pending, pem, self._verify(pending, pem)) for pending, pem in answered]
        wanted = [one for pending, pem, _ in verified for one in self._pair(pending, pem)]
        for pending, _, _ in verified:
            self._make_directory(pending.spec)
        _replace(wanted)
        return {pending.spec.label: certificate for pending, _, certificate in verified}

    def install_trust(self, specs: tuple[CertificateSpec, ...], wrong: dict[str, str]) -> None:
        """Puts the trust files in place that :meth:`wrong_trust` named."""
        wanted = []
        for path, (pem, spec) in self._trust_files(specs).items():
            if str(path) in wrong:
                self._make_directory(spec)
                wanted.append(Wanted(path, pem, CERTIFICATE_MODE, *_existing_owner(spec)))
        _replace(wanted)

    def repair(self, spec: CertificateSpec) -> None:
        """Puts owner and mode of both files right."""
        uid, gid = _existing_owner(spec)
        for path, mode in zip(self._paths(spec), (CERTIFICATE_MODE, spec.key_mode), strict=True):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                os.fchown(descriptor, uid, gid)
                os.fchmod(descriptor, mode)
            finally:
                os.close(descriptor)

    def installed(self, spec: CertificateSpec) -> x509.Certificate | None:
        """The leaf that lies there, None where there is none that can be read."""
        try:
            found = _found(self._paths(spec)[0])
            return chain.parse(found.content, spec.label)[0] if found else None
        except CertificateError:
            return None

    def leftovers(self, application: str) -> tuple[Path, ...]:
        """Everything of an application that may be removed; a root that lies beside it is not among it."""
        directory = self.directory / application
        return tuple(sorted(path for path in directory.glob("*.pem") if path.name not in CA_FILES))

    def remove(self, application: str) -> None:
        """Removes an application's keys, certificates and trust, and its directory where nothing else is in it."""
        directory = self.directory / application
        for path in self.leftovers(application):
            path.unlink()
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()

    def _verify(self, pending: Pending, pem: str) -> x509.Certificate:
        spec = pending.spec
        certificates = chain.parse(pem, f"The answer for {spec.label}")
        wrong = leaf.problems(certificates, spec, self.trusted(spec.root), pending.key.public_key())
        if wrong:
            raise CertificateError(
                f"The certificate that came for {spec.label} is not the one that was asked for: {'; '.join(wrong)}.",
                cure="compare this node's clock, its pillar (saltutil.refresh_pillar) and `salt-run ca.roots`.",
            )
        return certificates[0]

    def _pair(self, pending: Pending, pem: str) -> tuple[Wanted, Wanted]:
        certificate, key = self._paths(pending.spec)
        owner = _existing_owner(pending.spec)
        return (
            Wanted(key, csr.key_pem(pending.key), pending.spec.key_mode, *owner),
            Wanted(certificate, pem.encode(), CERTIFICATE_MODE, *owner),
        )

    def _paths(self, spec: CertificateSpec) -> tuple[Path, Path]:
        directory = self.directory / spec.application
        return directory / f"{spec.name}.pem", directory / f"{spec.name}-key.pem"

    def _trust_files(self, specs: tuple[CertificateSpec, ...]) -> dict[Path, tuple[bytes, CertificateSpec]]:
        return {
            self.directory / spec.application / f"{spec.root}-ca.pem": (self._trust[spec.root].encode(), spec)
            for spec in specs
            if self.trusted(spec.root)
        }

    def _make_directory(self, spec: CertificateSpec) -> None:
        """Root's own: an application that could write here could replace its own trust, or reach a root's key."""
        directory = self.directory / spec.application
        directory.mkdir(mode=0o755, exist_ok=True)
        base = self.directory.stat()
        os.chown(directory, base.st_uid, base.st_gid)
        directory.chmod(0o755)


def _replace(wanted: list[Wanted]) -> None:
    try:
        files.replace(wanted)
    except OSError as error:
        raise CertificateError(
            f"Files could not be written: {error}.", cure="check free space and the disk of this node; nothing changed."
        ) from error


def _found(path: Path) -> FileFound | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None  # missing, or a link that somebody put there: replaced by a file
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise CertificateError(f"{path} is no file.", cure="find out who put it there, and remove it.")
    with os.fdopen(descriptor, "rb") as stream:
        return FileFound(stream.read(), stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid))


def _owner(spec: CertificateSpec) -> tuple[int, int] | None:
    try:
        return pwd.getpwnam(spec.user).pw_uid, grp.getgrnam(spec.group).gr_gid
    except KeyError:
        return None


def _existing_owner(spec: CertificateSpec) -> tuple[int, int]:
    owner = _owner(spec)
    if owner is None:
        raise CertificateError(
            f"User {spec.user} or group {spec.group} does not exist, so {spec.label} can belong to nobody.",
            cure="apply the state that makes the application's user first.",
        )
    return owner
