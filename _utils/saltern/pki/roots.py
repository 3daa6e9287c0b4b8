"""The roots of the certificate authority: one per trust domain, made once, their keys encrypted at rest."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography import x509

from saltern import files, paths
from saltern.definition import typed
from saltern.definition.document import DocumentReader, Entry
from saltern.definition.schema import Key, mapping, read_section
from saltern.errors import CertificateError, Problem, Problems
from saltern.pki import chain, issuers, keys
from saltern.pki.keys import PrivateKey
from saltern.pki.root_files import CERTIFICATE_MODE, Generation, RootFiles

LONGEST_NAME = 46  # of the 64 characters of RFC 5280's ub-common-name; ` G<n>` and ` intermediate` come behind it
TABLE = (
    Key("common_name", typed.text, "text", "The root's name, as people see it in a certificate."),
    Key("lifetime", typed.duration, "duration", "How long the root is valid. Its leaves never outlive it."),
)


@dataclass(frozen=True)
class RootSpec:
    """A root as declared. ``lifetime`` in seconds."""

    name: str
    common_name: str
    lifetime: int


@dataclass(frozen=True)
class Root:
    """A root that can sign. Its key is never part of ``repr``.

    :param certificate: the certificate of ``key``, which signs leaves: the root's own, or its intermediate's.
    :param anchor: the root's own, self-signed certificate, which members trust.
    """

    name: str
    certificate: x509.Certificate
    key: PrivateKey
    anchor: x509.Certificate

    def __repr__(self) -> str:
        return f"Root({self.name}, {chain.fingerprint(self.certificate)})"

    @cached_property
    def intermediates(self) -> str:
        """What stands between a leaf and the anchor, as PEM."""
        return "" if self.certificate == self.anchor else issuers.pem(self.certificate).decode()


def declared(file: str | Path = paths.ROOTS) -> tuple[RootSpec, ...]:
    """The roots that are to exist, in the file's order.

    :raises Problems: with everything that is wrong with the file.
    """
    reader = DocumentReader()
    reader.read(Path(file))
    found: list[RootSpec] = []
    problems = reader.problems
    top = reader.top.pop("roots", None)
    if top is None:
        cure = "add `roots:` with one entry each."
        problems.append(Problem("the key `roots` is missing", where=str(file), cure=cure))
    for name, entry in reader.top.items():
        problems.append(Problem(f"unknown key `{name}`", where=str(entry.place), cure="only `roots:` stands here."))
    for name, entry in ((mapping(top, problems) or {}) if top else {}).items():
        found += _read_root(name, entry, problems)
    if problems:
        raise Problems("The declared roots are wrong; nothing was changed.", problems)
    return tuple(found)


def names(directory: str | Path = paths.CA_ROOTS) -> tuple[str, ...]:
    """The roots that exist, sorted."""
    return tuple(sorted(path.parent.name for path in Path(directory).glob("*/current")))


def missing(file: str | Path = paths.ROOTS, directory: str | Path = paths.CA_ROOTS) -> tuple[str, ...]:
    """Names of the declared roots that do not exist yet, or only in part."""
    found = {spec.name: RootFiles(directory, spec.name) for spec in declared(file)}
    return tuple(name for name, one in found.items() if not one.number() or not one.trust.exists())


def ensure(
    file: str | Path = paths.ROOTS, directory: str | Path = paths.CA_ROOTS, *, passphrase: bytes
) -> tuple[str, ...]:
    """Makes the declared roots that are missing and returns their names; an existing root is never touched.

    Safe to run twice at once and after a kill.

    :param passphrase: the unlock key; the roots' keys are encrypted with it.
    :raises CertificateError: when a root has its certificate but not its key, or both do not match.
    """
    made = tuple(spec.name for spec in declared(file) if _ensure(spec, Path(directory), passphrase))
    verify(file, directory, passphrase=passphrase)
    return made


def adopt(name: str, directory: str | Path, passphrase: bytes, certificate: bytes, key: bytes) -> None:
    """Takes an existing root over: its certificate and its key, both PEM, the key not encrypted.

    :raises CertificateError: when both do not belong together, it is no authority, or there is such a root already.
    """
    found = chain.parse(certificate, f"The certificate of root {name}")
    opened = keys.opened(key, f"root {name}", None)
    if len(found) != 1 or found[0].public_key() != opened.public_key() or not chain.may_sign(found[0]):
        cure = "give the one certificate of an authority, and its key."
        raise CertificateError(f"What was given for root {name} is no root with its key.", cure=cure)
    root_files = RootFiles(directory, name)
    with root_files.locked():
        if root_files.number():
            raise CertificateError(f"Root {name} exists already.", cure="choose another name.")
        _first_generation(root_files, issuers.pem(found[0]), keys.sealed(opened, passphrase))


def verify(file: str | Path = paths.ROOTS, directory: str | Path = paths.CA_ROOTS, *, passphrase: bytes) -> None:
    """Proves that every declared root can sign now, is trusted, and that only its owner can read its key.

    :raises CertificateError: naming the first root that is not so, and the cure.
    """
    for spec in declared(file):
        root, root_files = load(spec.name, directory, passphrase), RootFiles(directory, spec.name)
        wrong = [text for one in {root.certificate, root.anchor} for text in chain.time_problems(one, chain.now())]
        modes = root_files.current.modes() | {root_files.trust: CERTIFICATE_MODE}
        for path, mode in modes.items():
            if path.exists() and not _has(path, mode, root_files.owner()):
                wrong.append(f"{path} must be owned as {directory} is, mode {mode:04o}")
        if root.anchor not in trusted(spec.name, directory):
            wrong.append(f"{root_files.trust} does not hold it")
        if wrong:
            raise CertificateError(
                f"Root {spec.name} is not as it should be: {'; '.join(wrong)}.",
                cure="mend owner and mode with chown and chmod; an expired root needs a new one.",
            )


def load(name: str, directory: str | Path = paths.CA_ROOTS, passphrase: bytes = b"") -> Root:
    """The root with the key that issues, checked to belong together: its intermediate's where it has one.

    :param passphrase: the unlock key.
    :raises CertificateError: when a file is missing, unreadable, does not match, or does not open by this passphrase.
    """
    certificate_of(name, directory)
    return load_generation(name, RootFiles(directory, name).current, passphrase)


def load_generation(name: str, generation: Generation, passphrase: bytes) -> Root:
    """As :func:`load`, of any generation."""
    anchor = read_certificate(generation.certificate, name)
    if generation.intermediate.exists():
        what, certificate = f"the intermediate of root {name}", read_certificate(generation.intermediate, name)
        key = keys.load(generation.intermediate_key, what, passphrase)
    else:
        what, certificate = f"root {name}", anchor
        key = keys.load(generation.key, what, passphrase)
    issued = certificate == anchor or chain.issued_by(certificate, anchor)
    if certificate.public_key() != key.public_key() or not issued:
        raise CertificateError(
            f"Key and certificate of {what} do not belong together.", cure="restore both from the same backup."
        )
    return Root(name, certificate, key, anchor)


def certificate_of(name: str, directory: str | Path = paths.CA_ROOTS) -> x509.Certificate:
    """The root's own public certificate.

    :raises CertificateError: when it does not exist or cannot be read.
    """
    root_files = RootFiles(directory, name)
    if not root_files.number():
        raise CertificateError(f"Root {name} does not exist ({root_files.base}).", cure="salt-run ca.init")
    return read_certificate(root_files.current.certificate, name)


def trusted(name: str, directory: str | Path = paths.CA_ROOTS) -> list[x509.Certificate]:
    """Every certificate of the root that members trust, the issuing root's first.

    :raises CertificateError: when it cannot be read.
    """
    return chain.parse(_trust_text(RootFiles(directory, name).trust), f"The trust of root {name}")


def trust(directory: str | Path = paths.CA_ROOTS) -> dict[str, str]:
    """Root name -> PEM of every certificate of it that members trust, for every root that exists by now.

    :raises CertificateError: when one cannot be read.
    """
    return {path.parent.name: _trust_text(path) for path in sorted(Path(directory).glob("*/trust.pem"))}


def publish(directory: str | Path = paths.CA_ROOTS, ssl: str | Path = paths.SSL) -> None:
    """Links ``<ssl>/<root>/ca.pem`` and ``ca-key.pem``, where people look for them, to each root that exists.

    :raises CertificateError: when a file lies there: it may be a root that nobody has another copy of.
    """
    for name in names(directory):
        folder = Path(ssl) / name
        folder.mkdir(mode=0o755, exist_ok=True)
        folder.chmod(0o755)
        for file in ("ca.pem", "ca-key.pem"):
            link, target = folder / file, RootFiles(directory, name).base / "current" / file
            if link.exists() and not link.is_symlink():
                cure = "move it away; then `salt-run ca.init` again."
                raise CertificateError(f"{link} is a file, not a link to {target}.", cure=cure)
            if not link.is_symlink() or link.readlink() != target:
                link.unlink(missing_ok=True)
                link.symlink_to(target)


def read_certificate(path: Path, name: str) -> x509.Certificate:
    """The one certificate in a file of root ``name``.

    :raises CertificateError: when it is missing, cannot be read, or is not one.
    """
    try:
        found = chain.parse(path.read_bytes(), str(path))
    except OSError as error:
        cure = "restore it from the backup, or run this as root."
        raise CertificateError(f"Root {name} cannot be read: {error}.", cure=cure) from error
    if len(found) != 1:
        raise CertificateError(f"{path} holds {len(found)} certificates.", cure="restore it from the backup.")
    return found[0]


def _trust_text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise CertificateError(f"A root cannot be read: {error}.", cure="see `salt-run ca.roots`.") from error


def _has(path: Path, mode: int, owner: tuple[int, int]) -> bool:
    status = path.stat()
    return stat.S_IMODE(status.st_mode) == mode and (status.st_uid, status.st_gid) == owner


def _read_root(name: str, entry: Entry, problems: list[Problem]) -> list[RootSpec]:
    try:
        typed.label_text(name)  # it becomes a directory, a file and a pillar key
    except typed.Wrong as wrong:
        problems.extend(wrong.at(entry.place))
    section = read_section(entry, TABLE, problems)
    if not section.has("common_name", "lifetime"):
        return []
    if not 1 <= len(section["common_name"]) <= LONGEST_NAME:
        what = f"must have 1 to {LONGEST_NAME} characters"
        problems.append(Problem(what, where=section.where("common_name"), cure="shorten it."))
    return [RootSpec(name, section["common_name"], section["lifetime"])]


def _ensure(spec: RootSpec, directory: Path, passphrase: bytes) -> bool:
    root_files = RootFiles(directory, spec.name)
    with root_files.locked():
        if root_files.number() and root_files.trust.exists():
            load(spec.name, directory, passphrase)
            return False
        if not root_files.number() and (lost := sorted(root_files.base.glob("generation-[2-9]*"))):
            cure = f"restore the backup with its links, or: ln -s {lost[-1].name} {root_files.base}/current"
            raise CertificateError(f"Root {spec.name} has lost its link `current`.", cure=cure)
        key = keys.make()
        certificate = issuers.self_signed(spec.common_name, spec.lifetime, key)
        _first_generation(root_files, issuers.pem(certificate), keys.sealed(key, passphrase))
        return True


def _first_generation(root_files: RootFiles, certificate: bytes, key: bytes) -> None:
    """Makes the first generation, or what a killed run left out after it; the lock must be held."""
    number = root_files.number() or 1
    generation = root_files.generation(number)
    if not generation.path.exists():
        root_files.make(number, {"ca-key.pem": key, "ca.pem": certificate})
    if not root_files.trust.exists():
        before = root_files.generation(number - 1).certificate  # where the file was lost amid a rotation
        kept = before.read_bytes() if before.exists() else b""
        root_files.write_trust(generation.certificate.read_bytes() + kept)
    if not root_files.number():
        root_files.switch(number)
    files.sync_directory(root_files.base)
